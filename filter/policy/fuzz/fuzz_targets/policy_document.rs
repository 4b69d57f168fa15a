//! A policy document is accepted or refused with its faults; what is accepted reads the same once written out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_policy::Policy;
use tollgate_policy::document::PolicyDocument;

fuzz_target!(|bytes: &[u8]| {
    match Policy::parse(bytes) {
        Ok(policy) => {
            let document: PolicyDocument = serde_json::from_slice(bytes).expect("what compiles has been read");
            let again = serde_json::to_vec(&document).expect("documents are JSON");
            let again = Policy::parse(&again).expect("what is written out is accepted again");
            assert_eq!(again.generation(), policy.generation());
        }
        Err(error) => assert!(!error.faults.is_empty()),
    }
});
