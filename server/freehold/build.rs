//! Tells the linker where `freehold` looks for llama.cpp's shared libraries: in `lib/` beside itself.
//!
//! The libraries themselves are put there by the build script of `llama`, or by the packager.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to build scripts through the environment, and they run on no host but this one"
)]

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_LLAMA").is_none() {
        return;
    }
    let origin = match env::var("CARGO_CFG_TARGET_OS").unwrap_or_default().as_str() {
        // Windows looks beside the program by itself.
        "windows" => return,
        "macos" => "@loader_path",
        _ => "$ORIGIN",
    };
    println!("cargo:rustc-link-arg-bins=-Wl,-rpath,{origin}/lib");
    // Test programs lie one folder deeper.
    println!("cargo:rustc-link-arg=-Wl,-rpath,{origin}/../lib");
}
