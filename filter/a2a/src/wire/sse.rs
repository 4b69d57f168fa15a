//! Server-sent events as bytes (WHATWG HTML section 9.2): cut into blocks wherever the chunks end, never more than one block kept.

/// Cuts a stream into blocks. Lines end with LF, CR LF or CR; a blank line ends a block.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pending: Vec<u8>,
    /// Where the current line begins in `pending`.
    line: usize,
    /// The last byte was a CR: an LF after it belongs to it.
    after_return: bool,
    /// A block has been cut: only what the stream begins with may be a byte order mark.
    is_under_way: bool,
}

/// What a stream may begin with, and clients skip.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The lines of a block, without their ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    lines: Vec<Vec<u8>>,
}

impl Blocks {
    /// Takes bytes off the front of `chunk`, to the next end of a line at most; a block where that ended one.
    pub(super) fn take(&mut self, chunk: &mut &[u8]) -> Option<Block> {
        if std::mem::take(&mut self.after_return)
            && let Some(rest) = chunk.strip_prefix(b"\n")
        {
            *chunk = rest;
            return None;
        }
        let end = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(chunk.len());
        let (text, rest) = chunk.split_at_checked(end)?;
        self.pending.extend_from_slice(text);
        *chunk = rest;
        let (end, rest) = rest.split_first()?;
        *chunk = rest;
        self.after_return = *end == b'\r';
        let is_blank = self.line == self.pending.len();
        self.pending.push(b'\n');
        self.line = self.pending.len();
        if is_blank { self.block() } else { None }
    }

    /// What is kept, bytes.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What was begun and not ended: clients drop it, and so does this.
    pub(super) fn block(&mut self) -> Option<Block> {
        self.line = 0;
        let pending = std::mem::take(&mut self.pending);
        let mark = if std::mem::replace(&mut self.is_under_way, true) { &[][..] } else { BYTE_ORDER_MARK };
        let pending = pending.strip_prefix(mark).unwrap_or(&pending);
        let lines: Vec<Vec<u8>> =
            pending.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
        (!lines.is_empty()).then_some(Block { lines })
    }
}

impl Block {
    /// Its data: the values of its `data` fields, joined by LF. `None`: it has none, and is no event.
    pub(super) fn data(&self) -> Option<Vec<u8>> {
        let data: Vec<&[u8]> = self.lines.iter().filter_map(|line| field(line, b"data")).collect();
        (!data.is_empty()).then(|| data.join(&b'\n'))
    }

    /// Whether it is of this type.
    pub(super) fn is_of_type(&self, name: &[u8]) -> bool {
        self.lines.iter().any(|line| field(line, b"event") == Some(name))
    }

    /// The same with other data, and without its type where `typed` is not to be kept.
    pub(super) fn with_data(&self, data: &str, typed: Typed, out: &mut Vec<u8>) {
        let mut is_written = false;
        for line in &self.lines {
            if field(line, b"data").is_some() {
                if !std::mem::replace(&mut is_written, true) {
                    out.extend([b"data: ", data.as_bytes(), b"\n"].concat());
                }
            } else if typed == Typed::Kept || field(line, b"event").is_none() {
                out.extend_from_slice(line);
                out.push(b'\n');
            }
        }
        out.push(b'\n');
    }

    /// As it came, but for its line ends.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for line in &self.lines {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        out.push(b'\n');
    }
}

/// Whether an event keeps its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    Kept,
    Dropped,
}

/// The value of a line that is this field; one space after the colon is no part of it.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(name)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(blocks: &mut Blocks, mut bytes: &[u8]) -> Vec<Block> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            found.extend(blocks.take(&mut bytes));
        }
        found
    }

    fn blocks(bytes: &[u8]) -> Vec<String> {
        cut(&mut Blocks::default(), bytes)
            .into_iter()
            .map(|block| String::from_utf8(block.data().unwrap_or_else(|| b"-".to_vec())).unwrap())
            .collect()
    }

    #[test]
    fn lines_end_in_three_ways() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("data: a{end}data:b{end}{end}: ping{end}{end}id: 7{end}data{end}{end}data: late{end}");
            assert_eq!(blocks(text.as_bytes()), ["a\nb", "-", ""], "{end:?}");
        }
        assert_eq!(blocks(b"\n\n\r\n\r\n"), Vec::<String>::new());
    }

    #[test]
    fn a_block_ends_with_the_first_byte_of_its_blank_line() {
        let mut blocks = Blocks::default();
        let ended = cut(&mut blocks, b"data: a\r\n\r").len();
        assert_eq!((ended, cut(&mut blocks, b"\n").len(), blocks.pending()), (1, 0, 0));
    }

    #[test]
    fn other_lines_stay_where_they_are() {
        let mut blocks = Blocks::default();
        let block = cut(&mut blocks, b": c\nid: 7\nevent: error\ndata: x\ndata: y\nretry: 5\n\n").remove(0);
        assert!(block.is_of_type(b"error") && !block.is_of_type(b"err"));
        let written = |typed| {
            let mut out = Vec::new();
            block.with_data("{}", typed, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(Typed::Kept), ": c\nid: 7\nevent: error\ndata: {}\nretry: 5\n\n");
        assert_eq!(written(Typed::Dropped), ": c\nid: 7\ndata: {}\nretry: 5\n\n");
    }
}
