#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| confgate_fuzz::create::run(data));
