#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| branchline_wire_fuzz::requests::responses(data));
