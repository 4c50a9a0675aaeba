//! libFuzzer ends at every panic. Those of the library that reads Parquet are caught and told as the file's error.
#![no_main]
use std::sync::Once;

static CAUGHT: Once = Once::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    CAUGHT.call_once(|| {
        let otherwise = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let ours = panic.location().is_none_or(|at| at.file().contains("replica-"));
            if ours {
                otherwise(panic);
            }
        }));
    });
    replica_fuzz::run("parquet", bytes);
});
