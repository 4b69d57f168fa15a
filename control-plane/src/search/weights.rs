//! The model's weights, read from their file one tensor at a time: the file whole would be 90 MB of memory that nobody needs once
//! the layers are made.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    sync::{Mutex, PoisonError},
};

use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use candle_nn::{Init, var_builder::SimpleBackend};
use safetensors::{Dtype, tensor::Metadata};

/// Bytes of a tensor that are in memory beside its numbers.
const PIECE: usize = 64 << 10;
/// More than any header has (the model's has 10 kB), and less than would hurt.
const MAX_HEADER: u64 = 1 << 20;

/// A file in the format of safetensors: the length of its header (eight bytes, little endian), the header (JSON), the numbers.
pub(super) struct Weights {
    file: Mutex<File>,
    header: Metadata,
    /// Where the numbers begin.
    start: u64,
}

impl Weights {
    /// Reads the header.
    pub(super) fn new(mut file: File) -> Result<Self> {
        let mut length = [0; 8];
        file.seek(SeekFrom::Start(0))?;
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER {
            candle_core::bail!("a header of {length} bytes");
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header)?;
        let header = serde_json::from_slice(&header).map_err(Error::wrap)?;
        Ok(Self { file: Mutex::new(file), header, start: length + 8 })
    }

    fn numbers(&self, from: usize, to: usize) -> io::Result<Vec<f32>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.start + from as u64))?;
        let mut left = to.saturating_sub(from);
        let mut numbers = Vec::with_capacity(left / size_of::<f32>());
        let mut piece = vec![0; PIECE];
        while left > 0 {
            let piece = &mut piece[..left.min(PIECE)];
            file.read_exact(piece)?;
            numbers.extend(piece.as_chunks().0.iter().copied().map(f32::from_le_bytes));
            left -= piece.len();
        }
        Ok(numbers)
    }
}

impl SimpleBackend for Weights {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        if *tensor.shape() != shape {
            candle_core::bail!("{name} has the shape {:?}, not {shape:?}", tensor.shape());
        }
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let Some(tensor) = self.header.info(name) else { candle_core::bail!("{name} is missing") };
        if tensor.dtype != Dtype::F32 {
            candle_core::bail!("{name} is {:?}, not F32", tensor.dtype);
        }
        let (from, to) = tensor.data_offsets;
        Tensor::from_vec(self.numbers(from, to)?, tensor.shape.clone(), device)?.to_dtype(dtype)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.header.info(name).is_some()
    }
}

#[cfg(test)]
mod tests;
