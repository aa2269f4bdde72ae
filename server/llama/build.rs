//! Puts llama.cpp's shared libraries where the programs of this build look for them.
//!
//! llama.cpp is built as shared libraries plus one library for each kind of processor, from which the
//! best one is picked at start. Programs look for them in `lib/` beside themselves; cargo leaves only
//! the names that the linker wants, so this script links the ones that the loader wants into
//! `target/<profile>/lib/`. A program in `target/<profile>/` then runs as an installed one does.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to build scripts through the environment, and they run on no host but this one"
)]

use std::env;
use std::path::{Path, PathBuf};
use std::{fs, io};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let Some(variants) = env::var_os("DEP_LLAMA_BACKENDS_DIR").map(PathBuf::from) else {
        println!(
            "cargo:warning=llama-cpp-sys-2 was built without `dynamic-backends`; no library is put into lib/"
        );
        return;
    };
    let profile = profile_folder();
    let target_os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    println!("cargo:rustc-env=FREEHOLD_BUILD_FOLDER={}", profile.display());
    println!("cargo:rustc-env=FREEHOLD_BUILD_VARIANTS={}", variants.display());
    if target_os == "windows" {
        // Windows has no search path in a program: the libraries lie beside it. Tests run in `deps`.
        let libraries = variants.join("../bin");
        for folder in [profile.clone(), profile.join("deps")] {
            link_all(&libraries, &folder, |name| name.ends_with(".dll"));
            link_all(&variants, &folder, |name| name.ends_with(".dll"));
        }
        return;
    }
    let lib = profile.join("lib");
    link_all(&variants.join("../lib"), &lib, is_loaded_by_name);
    link_all(&variants, &lib, |name| name.contains("ggml-"));
    let origin = if target_os == "macos" {
        "@loader_path"
    } else {
        "$ORIGIN"
    };
    // Test programs and examples lie one folder deeper than the programs.
    for folder in ["lib", "../lib"] {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{origin}/{folder}");
    }
}

/// `target/<profile>`, from `target/<profile>/build/llama-<hash>/out`.
fn profile_folder() -> PathBuf {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    out.ancestors()
        .nth(3)
        .expect("OUT_DIR lies three folders below the profile's")
        .to_path_buf()
}

/// Whether the loader asks for a library by this name: `libllama.so.0`, `libllama.0.dylib`, and neither
/// the linker's `libllama.so` nor the full `libllama.so.0.6.0`.
fn is_loaded_by_name(name: &str) -> bool {
    let versions = match name.split_once(".so.") {
        Some((_, versions)) => versions,
        None => match name.strip_suffix(".dylib").and_then(|stem| stem.split_once('.')) {
            Some((_, versions)) => versions,
            None => return false,
        },
    };
    !versions.contains('.')
}

/// Links every file of `from` whose name is `wanted` into `to`.
fn link_all(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) {
    let linked = fs::create_dir_all(to).and_then(|()| {
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_str().is_some_and(&wanted) {
                link(&entry.path().canonicalize()?, &to.join(name))?;
            }
        }
        Ok(())
    });
    if let Err(error) = linked {
        panic!(
            "cannot put the libraries of `{}` into `{}`: {error}",
            from.display(),
            to.display()
        );
    }
}

/// Makes `to` the same file as `from`: a hard link, or a copy where there are none.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    // Never written through: a running program may have the old file mapped.
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(|_| ()))
}
