//! `freehold bench`: how fast this machine is.

use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::BenchArguments;
