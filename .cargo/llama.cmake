# What CMake reads when it configures llama.cpp, before llama.cpp's own options.
#
# llama-cpp-2 0.1.160 has llama.cpp's library `common` compiled even without its feature of that name, because its
# dependency on llama-cpp-sys-2 keeps that crate's default features: 52 files that nothing here calls.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "" FORCE)
