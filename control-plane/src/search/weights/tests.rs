//! What is written in the format is read back; what is not in it is an error that names it.

use std::{collections::HashMap, io::Write};

use safetensors::tensor::{TensorView, serialize};

use super::*;

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn le_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().copied().flat_map(f32::to_le_bytes).collect()
}

fn get(weights: &Weights, name: &str, shape: (usize, usize)) -> Result<Vec<f32>> {
    let tensor = weights.get(shape.into(), name, Init::Const(0.0), DType::F32, &Device::Cpu)?;
    tensor.flatten_all()?.to_vec1()
}

#[test]
fn each_tensor_is_read_from_its_place() {
    // Longer than a piece, and no multiple of one.
    let long: Vec<f32> = (0_u16..20_001).map(f32::from).collect();
    let (short_bytes, long_bytes) = (le_bytes(&[1.5, -2.0]), le_bytes(&long));
    let half = [0; 4];
    let tensors = HashMap::from([
        ("short", TensorView::new(Dtype::F32, vec![1, 2], &short_bytes).unwrap()),
        ("long", TensorView::new(Dtype::F32, vec![20_001, 1], &long_bytes).unwrap()),
        ("half", TensorView::new(Dtype::F16, vec![1, 2], &half).unwrap()),
    ]);
    let weights = Weights::new(file(&serialize(&tensors, None).unwrap())).unwrap();
    assert_eq!(get(&weights, "long", (20_001, 1)).unwrap(), long);
    assert_eq!(get(&weights, "short", (1, 2)).unwrap(), [1.5, -2.0]);
    assert!(weights.contains_tensor("half") && !weights.contains_tensor("other"));
    for (name, shape, says) in [
        ("short", (2, 1), "short has the shape [1, 2], not [2, 1]"),
        ("half", (1, 2), "half is F16, not F32"),
        ("other", (1, 2), "other is missing"),
    ] {
        let error = get(&weights, name, shape).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn what_is_not_in_the_format_is_refused() {
    let tensor = br#"{"t":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}"#;
    let with_length = |length: u64, rest: &[u8]| [&length.to_le_bytes()[..], rest].concat();
    for bytes in [vec![], with_length(u64::MAX, b""), with_length(4, b"{}"), with_length(2, b"[]")] {
        assert!(Weights::new(file(&bytes)).is_err());
    }
    let cut = Weights::new(file(&with_length(tensor.len() as u64, tensor))).unwrap();
    assert!(get(&cut, "t", (1, 2)).is_err(), "its numbers are not there");
}
