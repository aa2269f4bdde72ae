//! A model's weights and metadata, immutable once loaded.

use std::ffi::{CString, c_char, c_void};
use std::path::Path;
use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::backend::{Backend, c_path};
use crate::LoadError;

/// A loaded model: weights and vocabulary.
#[derive(Debug)]
pub struct Model {
    raw: NonNull<sys::llama_model>,
}

// SAFETY: after loading, every function that is called on the model takes it as const, but for the
// creation of contexts, which `Context::new` does under a lock of its own.
unsafe impl Send for Model {}
// SAFETY: as above.
unsafe impl Sync for Model {}

/// What `Model::load` calls with the share that is read; false stops it.
type Progress<'a> = &'a mut dyn FnMut(f32) -> bool;

impl Model {
    /// Loads the GGUF `file`, whose header must have passed [`crate::gguf`].
    ///
    /// `gpu_layers` go to a graphics processor, if there is one; `None` means all. `progress` gets the
    /// share that is read, 0 to 1, and stops the loading by answering false.
    ///
    /// # Errors
    /// Gives [`LoadError::Path`] or [`LoadError::Refused`].
    pub fn load(
        _backend: &Backend,
        file: &Path,
        gpu_layers: Option<u32>,
        mut progress: Progress,
    ) -> Result<Self, LoadError> {
        let path = c_path(file).ok_or_else(|| LoadError::Path(file.to_path_buf()))?;
        // SAFETY: gives a plain struct by value.
        let mut params = unsafe { sys::llama_model_default_params() };
        if let Some(layers) = gpu_layers {
            params.n_gpu_layers = i32::try_from(layers).unwrap_or(i32::MAX);
        }
        params.progress_callback = Some(on_progress);
        // A pointer to the (fat) reference on this function's stack.
        params.progress_callback_user_data = (&raw mut progress).cast::<c_void>();
        // SAFETY: `path` ends in NUL, `params` are llama.cpp's defaults but for the fields above, and
        // the callback with its data is used only until the call returns.
        let raw = unsafe { sys::llama_model_load_from_file(path.as_ptr(), params) };
        let raw = NonNull::new(raw).ok_or_else(|| LoadError::Refused(file.to_path_buf()))?;
        Ok(Self { raw })
    }

    pub(super) fn as_ptr(&self) -> *mut sys::llama_model {
        self.raw.as_ptr()
    }

    /// The value of a metadata key as text; arrays have none.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<String> {
        let key = CString::new(key).ok()?;
        let mut buffer: Vec<u8> = vec![0; 256];
        for _ in 0..2 {
            // SAFETY: the buffer is as long as said; llama.cpp writes at most that, with the closing NUL.
            let length = unsafe {
                sys::llama_model_meta_val_str(
                    self.as_ptr(),
                    key.as_ptr(),
                    buffer.as_mut_ptr().cast::<c_char>(),
                    buffer.len(),
                )
            };
            let length = usize::try_from(length).ok()?;
            if length < buffer.len() {
                buffer.truncate(length);
                return Some(String::from_utf8_lossy(&buffer).into_owned());
            }
            buffer.resize(length + 1, 0);
        }
        None
    }

    /// What the model is, in a few words, such as `qwen2 1.5B Q4_K - Medium`.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut buffer = [0_u8; 256];
        // SAFETY: the buffer is as long as said.
        let length = unsafe {
            sys::llama_model_desc(self.as_ptr(), buffer.as_mut_ptr().cast::<c_char>(), buffer.len())
        };
        let length = usize::try_from(length).unwrap_or_default().min(buffer.len() - 1);
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// Tokens of context that it was trained for; zero if the file does not say.
    #[must_use]
    pub fn context_tokens_trained(&self) -> u32 {
        // SAFETY: reads a field.
        u32::try_from(unsafe { sys::llama_model_n_ctx_train(self.as_ptr()) }).unwrap_or_default()
    }

    /// Whether a part of a cached sequence can be taken back or copied. Recurrent models keep one state
    /// for a whole sequence.
    #[must_use]
    pub fn keeps_every_position(&self) -> bool {
        // SAFETY: both read fields.
        unsafe { !sys::llama_model_is_recurrent(self.as_ptr()) && !sys::llama_model_is_hybrid(self.as_ptr()) }
    }

    /// Whether it generates text token by token; encoders and diffusion models do not.
    #[must_use]
    pub fn generates(&self) -> bool {
        // SAFETY: all read fields.
        unsafe {
            sys::llama_model_has_decoder(self.as_ptr())
                && !sys::llama_model_has_encoder(self.as_ptr())
                && !sys::llama_model_is_diffusion(self.as_ptr())
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the pointer came from loading, and contexts keep their model alive by an `Arc`.
        unsafe { sys::llama_model_free(self.raw.as_ptr()) };
    }
}

extern "C" fn on_progress(fraction: f32, user_data: *mut c_void) -> bool {
    // SAFETY: `Model::load` passes the address of its `Progress`, which outlives the load and is used by
    // nobody else meanwhile.
    let progress = unsafe { &mut *user_data.cast::<Progress<'_>>() };
    // A panic must not unwind into C++; it stops the loading.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| progress(fraction))).unwrap_or(false)
}
