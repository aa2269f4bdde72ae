//! ggml, set up once for a process: the libraries for this machine's processors, and its devices.

use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use llama_cpp_sys_2 as sys;

use super::log;
use crate::LoadError;

/// Proof that ggml is set up. There is one for a process, and it stays.
#[derive(Debug)]
pub struct Backend {
    folder: PathBuf,
}

/// What can compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Whether it is a graphics processor.
    pub gpu: bool,
    /// Name for a person, such as `NVIDIA GeForce RTX 3080`.
    pub title: String,
    /// Memory in bytes, as far as it is known.
    pub memory_bytes: usize,
}

impl Backend {
    /// Sets ggml up on the first call: loads the best library for this processor from `folder`, or from
    /// where this program's own libraries lie. Later calls give the same backend, whatever `folder` is.
    ///
    /// # Errors
    /// Gives [`LoadError::Backends`] when no library there fits this processor.
    pub fn get(folder: Option<&Path>) -> Result<&'static Self, LoadError> {
        static BACKEND: OnceLock<Result<Backend, LoadError>> = OnceLock::new();
        BACKEND
            .get_or_init(|| Self::set_up(folder))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The folder that the libraries were loaded from.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn set_up(folder: Option<&Path>) -> Result<Self, LoadError> {
        let folder = match folder {
            Some(folder) => folder.to_path_buf(),
            None => own_folder().ok_or_else(|| LoadError::Backends(PathBuf::from("lib")))?,
        };
        let path = c_path(&folder).ok_or_else(|| LoadError::Backends(folder.clone()))?;
        log::install();
        // SAFETY: `path` ends in NUL and outlives the call; the `OnceLock` makes this the only call.
        unsafe { sys::ggml_backend_load_all_from_path(path.as_ptr()) };
        // SAFETY: reads the registry, which nothing changes any more.
        let cpu = unsafe { sys::ggml_backend_dev_by_type(sys::GGML_BACKEND_DEVICE_TYPE_CPU) };
        if cpu.is_null() {
            return Err(LoadError::Backends(folder));
        }
        // SAFETY: called once, after the libraries are loaded, as llama.h asks.
        unsafe { sys::llama_backend_init() };
        Ok(Self { folder })
    }

    /// Everything that can compute here, the processor first.
    #[must_use]
    pub fn devices(&self) -> Vec<Device> {
        use llama_cpp_2::LlamaBackendDeviceType::{Gpu, IntegratedGpu};
        let mut devices: Vec<Device> = llama_cpp_2::list_llama_ggml_backend_devices()
            .into_iter()
            .map(|device| Device {
                gpu: matches!(device.device_type, Gpu | IntegratedGpu),
                title: device.description,
                memory_bytes: device.memory_total,
            })
            .collect();
        devices.sort_by_key(|device| device.gpu);
        devices
    }

    /// Kind of processor that the loaded CPU library was built for, such as `zen4`.
    #[must_use]
    pub fn cpu_variant(&self) -> Option<String> {
        log::cpu_variant()
    }

    /// Version of llama.cpp.
    #[must_use]
    pub fn version(&self) -> String {
        // SAFETY: gives a constant text of the library, or null.
        let version = unsafe { sys::llama_version() };
        if version.is_null() {
            return String::new();
        }
        // SAFETY: not null, and llama.cpp's constants end in NUL.
        unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned()
    }
}

/// Block length in elements and block size in bytes of a tensor type; `None` for one that does not exist.
pub(crate) fn tensor_layout(tensor_type: u32) -> Option<(u64, u64)> {
    if tensor_type >= sys::GGML_TYPE_COUNT {
        return None;
    }
    // SAFETY: the type is one of ggml's table, which these functions index.
    let (block, bytes) = unsafe { (sys::ggml_blck_size(tensor_type), sys::ggml_type_size(tensor_type)) };
    // Types that were withdrawn have blocks of no elements.
    (block > 0 && bytes > 0).then_some((block.unsigned_abs(), bytes as u64))
}

/// Where this program's own libraries lie: `lib/` beside it, or the build's folder if it runs from there.
fn own_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let beside = program.parent()?.to_path_buf();
    // Only a program that lies in the build's folder may use it: an installed one must never load code
    // from a path of the machine that it was built on.
    let built = option_env!("FREEHOLD_BUILD_FOLDER")
        .is_some_and(|folder| program.starts_with(folder))
        .then_some(option_env!("FREEHOLD_BUILD_VARIANTS").map(PathBuf::from))
        .flatten();
    // On Windows libraries lie beside the program.
    let candidates = [
        Some(beside.join("lib")),
        Some(beside.join("../lib")),
        built,
        Some(beside),
    ];
    candidates
        .into_iter()
        .flatten()
        .find(|folder| has_cpu_library(folder))
}

fn has_cpu_library(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().contains("ggml-cpu"))
}

/// A path as C wants it; `None` if it holds a NUL, or is not Unicode where that is needed.
pub(super) fn c_path(path: &Path) -> Option<CString> {
    #[cfg(unix)]
    let bytes = {
        use std::os::unix::ffi::OsStrExt;
        path.as_os_str().as_bytes()
    };
    #[cfg(not(unix))]
    let bytes = path.to_str()?.as_bytes();
    CString::new(bytes).ok()
}
