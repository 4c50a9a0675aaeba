#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| replica_fuzz::run("configuration", bytes));
