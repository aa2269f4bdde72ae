//! llama.cpp's log lines, handed on to `tracing`.

use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use llama_cpp_sys_2 as sys;

/// The kind of processor that the loaded CPU library was built for, as its file is named.
static CPU_VARIANT: Mutex<Option<String>> = Mutex::new(None);

/// Sends everything that llama.cpp and ggml log to `tracing`, target `llama.cpp`.
pub(super) fn install() {
    // SAFETY: `receive` is a function of the whole program's life and ignores its user data.
    unsafe { sys::llama_log_set(Some(receive), std::ptr::null_mut()) };
}

/// The kind of processor that the loaded CPU library was built for, such as `zen4`.
///
/// ggml does not keep the path of what it loaded; its log line is the only place that says it.
pub fn cpu_variant() -> Option<String> {
    CPU_VARIANT.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

extern "C" fn receive(level: sys::ggml_log_level, text: *const c_char, _user_data: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp passes a text that ends in NUL and lives until this function returns.
    let text = unsafe { CStr::from_ptr(text) };
    // A panic in a subscriber must not unwind into C++. It is dropped: there is nobody to tell.
    let _dropped = catch_unwind(AssertUnwindSafe(|| emit(level, &text.to_string_lossy())));
}

fn emit(level: sys::ggml_log_level, text: &str) {
    let text = text.trim_end();
    if let Some(variant) = variant_in(text) {
        *CPU_VARIANT.lock().unwrap_or_else(PoisonError::into_inner) = Some(variant);
    }
    // Progress dots and continuations carry nothing worth a line.
    if text.is_empty() || text == "." || level == sys::GGML_LOG_LEVEL_CONT {
        return;
    }
    match level {
        sys::GGML_LOG_LEVEL_ERROR if tells_of_an_abort(text) => {
            tracing::debug!(target: "llama.cpp", "{text}");
        }
        sys::GGML_LOG_LEVEL_ERROR => tracing::error!(target: "llama.cpp", "{text}"),
        // llama.cpp warns of an aborted decode, which here is an everyday event.
        sys::GGML_LOG_LEVEL_WARN => tracing::debug!(target: "llama.cpp", warning = true, "{text}"),
        sys::GGML_LOG_LEVEL_INFO => tracing::debug!(target: "llama.cpp", "{text}"),
        _ => tracing::trace!(target: "llama.cpp", "{text}"),
    }
}

/// Whether `text` is one of the lines by which llama.cpp complains that a decode was stopped, which is what
/// every cancelled suggestion does: 1 is `GGML_STATUS_ABORTED`, 2 what `llama_decode` makes of it.
fn tells_of_an_abort(text: &str) -> bool {
    [
        "async failed with error 1",
        "compute status: 1",
        "failed to decode, ret = 2",
    ]
    .iter()
    .any(|end| text.ends_with(end))
}

/// `zen4` in `load_backend: loaded CPU backend from /…/libggml-cpu-zen4.so`.
fn variant_in(text: &str) -> Option<String> {
    let (_, path) = text.split_once("loaded CPU backend from ")?;
    let (_, name) = path.rsplit_once("ggml-cpu-")?;
    let (variant, _) = name.split_once('.')?;
    Some(variant.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_decode_is_no_error_and_a_failed_one_is() {
        let cases = [
            ("process_ubatch: failed to compute graph, compute status: 1", true),
            ("llama_decode: failed to decode, ret = 2", true),
            (
                "process_ubatch: failed to compute graph, compute status: -1",
                false,
            ),
            ("llama_decode: failed to decode, ret = -3", false),
        ];
        for (text, stopped) in cases {
            assert_eq!(tells_of_an_abort(text), stopped, "{text}");
        }
    }

    #[test]
    fn the_variant_is_read_from_the_line_that_names_the_library() {
        let cases = [
            (
                "load_backend: loaded CPU backend from /a/lib/libggml-cpu-zen4.so",
                Some("zen4"),
            ),
            (
                "load_backend: loaded CPU backend from C:\\a\\ggml-cpu-haswell.dll",
                Some("haswell"),
            ),
            ("load_backend: loaded CUDA backend from /a/libggml-cuda.so", None),
            ("load_backend: loaded CPU backend from /a/libggml-cpu.so", None),
        ];
        for (line, variant) in cases {
            assert_eq!(variant_in(line).as_deref(), variant, "{line}");
        }
    }
}
