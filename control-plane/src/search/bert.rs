//! BERT's forward pass (Devlin and others 2019) for one text: what `all-MiniLM-L6-v2` needs of it. Nothing is trained and nothing masked: a
//! text alone has no padding.

use candle_core::{D, Device, Result, Storage, Tensor};
use candle_nn::{Embedding, LayerNorm, Module, VarBuilder, embedding, layer_norm, ops::softmax_last_dim};
use serde::Deserialize;
use tollgate_linear::{Linear, Table, gelu};

/// What `config.json` says, as far as it matters.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
}

pub(super) struct Bert {
    words: Table,
    positions: Embedding,
    kinds: Embedding,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    outer_norm: LayerNorm,
    heads: usize,
}

impl Bert {
    pub(super) fn load(weights: &VarBuilder<'_>, config: &Config) -> Result<Self> {
        let width = config.hidden_size;
        if config.num_attention_heads == 0 || !width.is_multiple_of(config.num_attention_heads) {
            candle_core::bail!("hidden_size is not a multiple of num_attention_heads");
        }
        let (embeddings, layers) = (weights.pp("embeddings"), weights.pp("encoder.layer"));
        Ok(Self {
            words: words(config, &embeddings.pp("word_embeddings"))?,
            positions: embedding(config.max_position_embeddings, width, embeddings.pp("position_embeddings"))?,
            kinds: embedding(config.type_vocab_size, width, embeddings.pp("token_type_embeddings"))?,
            norm: layer_norm(width, config.layer_norm_eps, embeddings.pp("LayerNorm"))?,
            layers: (0..config.num_hidden_layers)
                .map(|number| Layer::load(&layers.pp(number), config))
                .collect::<Result<_>>()?,
        })
    }

    /// A row for each token.
    pub(super) fn forward(&self, tokens: &[u32]) -> Result<Tensor> {
        let count = u32::try_from(tokens.len()).map_err(candle_core::Error::wrap)?;
        let words = self.words(tokens)?;
        let positions = self.positions.forward(&Tensor::arange(0, count, &Device::Cpu)?)?;
        let kind = self.kinds.forward(&Tensor::new(&[0_u32], &Device::Cpu)?)?;
        let start = self.norm.forward(&(words + positions)?.broadcast_add(&kind)?)?;
        self.layers.iter().try_fold(start, |rows, layer| layer.forward(&rows))
    }
}

impl Bert {
    fn words(&self, tokens: &[u32]) -> Result<Tensor> {
        let mut rows = Vec::new();
        for token in tokens {
            let line = usize::try_from(*token).ok().and_then(|token| self.words.line(token));
            rows.extend(line.ok_or_else(|| candle_core::Error::Msg(format!("there is no token {token}")))?);
        }
        let width = rows.len() / tokens.len().max(1);
        Tensor::from_vec(rows, (tokens.len(), width), &Device::Cpu)
    }
}

impl Layer {
    fn load(weights: &VarBuilder<'_>, config: &Config) -> Result<Self> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let own = weights.pp("attention.self");
        let norm = |name: &str| layer_norm(width, config.layer_norm_eps, weights.pp(name));
        Ok(Self {
            query: linear(width, width, &own.pp("query"))?,
            key: linear(width, width, &own.pp("key"))?,
            value: linear(width, width, &own.pp("value"))?,
            attended: linear(width, width, &weights.pp("attention.output.dense"))?,
            attended_norm: norm("attention.output.LayerNorm")?,
            inner: linear(width, inner, &weights.pp("intermediate.dense"))?,
            outer: linear(inner, width, &weights.pp("output.dense"))?,
            outer_norm: norm("output.LayerNorm")?,
            heads: config.num_attention_heads,
        })
    }

    fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let attended = (product(&self.attended, &self.attend(rows)?)? + rows)?;
        let attended = self.attended_norm.forward(&attended)?;
        let mut inner = self.inner.forward(&numbers(&attended)?);
        gelu(&mut inner);
        self.outer_norm.forward(&(tensor(&self.outer, &inner)? + attended)?)
    }

    fn attend(&self, rows: &Tensor) -> Result<Tensor> {
        let (count, width) = rows.dims2()?;
        let head = width / self.heads;
        let by_head = |projected: Tensor| projected.reshape((count, self.heads, head))?.transpose(0, 1)?.contiguous();
        let query = by_head(product(&self.query, rows)?)?;
        let key = by_head(product(&self.key, rows)?)?;
        let value = by_head(product(&self.value, rows)?)?;
        let scores = (query.matmul(&key.transpose(D::Minus2, D::Minus1)?.contiguous()?)? / (head as f64).sqrt())?;
        softmax_last_dim(&scores)?.matmul(&value)?.transpose(0, 1)?.reshape((count, width))
    }
}

fn linear(inputs: usize, outputs: usize, layer: &VarBuilder<'_>) -> Result<Linear> {
    let bias = layer.get(outputs, "bias")?.to_vec1()?;
    let weights = layer.get((outputs, inputs), "weight")?;
    as_they_lie(&weights, |numbers| Linear::new(numbers, bias, inputs))?
        .ok_or_else(|| candle_core::Error::Msg("a layer of no size".to_owned()))
}

fn words(config: &Config, table: &VarBuilder<'_>) -> Result<Table> {
    let words = table.get((config.vocab_size, config.hidden_size), "weight")?;
    as_they_lie(&words, |numbers| Table::new(numbers, config.hidden_size))?
        .ok_or_else(|| candle_core::Error::Msg("there are no words".to_owned()))
}

/// Reads a tensor's numbers where they are: a copy of the words' would be 47 MB.
fn as_they_lie<T>(tensor: &Tensor, read: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    let (Storage::Cpu(storage), Some((from, to))) = (&*storage, layout.contiguous_offsets()) else {
        candle_core::bail!("weights that do not lie in one piece")
    };
    Ok(read(&storage.as_slice::<f32>()?[from..to]))
}

fn product(layer: &Linear, rows: &Tensor) -> Result<Tensor> {
    tensor(layer, &numbers(rows)?)
}

fn numbers(rows: &Tensor) -> Result<Vec<f32>> {
    rows.flatten_all()?.to_vec1()
}

/// What a layer makes of rows.
fn tensor(layer: &Linear, rows: &[f32]) -> Result<Tensor> {
    let products = layer.forward(rows);
    let count = products.len() / layer.outputs();
    Tensor::from_vec(products, (count, layer.outputs()), &Device::Cpu)
}
