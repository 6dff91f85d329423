#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| avouch_fuzz::findings(bytes));
