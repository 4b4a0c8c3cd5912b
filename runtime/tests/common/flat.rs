//! Writes FlatBuffers: parents before children, every field in 8 bytes of its own.

/// A field of a table.
#[derive(Clone)]
pub enum Value {
    U8(u8),
    I32(i32),
    I64(i64),
    /// A struct of one i64, stored inline.
    Struct64(i64),
    Str(String),
    Strs(Vec<String>),
    I64s(Vec<i64>),
    /// Blocks of 16 bytes, aligned to 16.
    Raw(Vec<u8>),
    Table(Vec<(u16, Value)>),
    Tables(Vec<Vec<(u16, Value)>>),
}

/// The payload whose root is this table.
pub fn payload(root: &[(u16, Value)]) -> Vec<u8> {
    let mut out = vec![0; 8];
    let at = table(&mut out, root);
    out[..4].copy_from_slice(&(at as u32).to_le_bytes());
    out
}

fn align(out: &mut Vec<u8>, to: usize, offset: usize) {
    while !(out.len() + offset).is_multiple_of(to) {
        out.push(0);
    }
}

fn patch(out: &mut [u8], at: usize, target: usize) {
    out[at..at + 4].copy_from_slice(&((target - at) as u32).to_le_bytes());
}

fn table(out: &mut Vec<u8>, fields: &[(u16, Value)]) -> usize {
    align(out, 8, 0);
    let vtable = out.len();
    let slots = fields.iter().map(|(id, _)| id + 1).max().unwrap_or(0);
    let mut offsets = vec![0u16; usize::from(slots)];
    for (k, (id, _)) in fields.iter().enumerate() {
        offsets[usize::from(*id)] = 8 + 8 * k as u16;
    }
    out.extend((4 + 2 * slots).to_le_bytes());
    out.extend((8 + 8 * fields.len() as u16).to_le_bytes());
    out.extend(offsets.iter().flat_map(|o| o.to_le_bytes()));
    align(out, 8, 0);
    let at = out.len();
    out.extend(((at - vtable) as i32).to_le_bytes());
    out.extend([0; 4]);
    out.resize(at + 8 + 8 * fields.len(), 0);
    for (k, (_, value)) in fields.iter().enumerate() {
        let place = at + 8 + 8 * k;
        match value {
            Value::U8(v) => out[place] = *v,
            Value::I32(v) => out[place..place + 4].copy_from_slice(&v.to_le_bytes()),
            Value::I64(v) | Value::Struct64(v) => out[place..place + 8].copy_from_slice(&v.to_le_bytes()),
            _ => {
                let child = reference(out, value);
                patch(out, place, child);
            }
        }
    }
    at
}

fn length(out: &mut Vec<u8>, len: usize) -> usize {
    let at = out.len();
    out.extend((len as u32).to_le_bytes());
    at
}

fn list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T) -> usize) -> usize {
    align(out, 4, 0);
    let at = length(out, items.len());
    out.resize(at + 4 + 4 * items.len(), 0);
    for (i, item) in items.iter().enumerate() {
        let child = write(out, item);
        patch(out, at + 4 + 4 * i, child);
    }
    at
}

fn string(out: &mut Vec<u8>, text: &str) -> usize {
    align(out, 4, 0);
    let at = length(out, text.len());
    out.extend(text.as_bytes());
    out.push(0);
    at
}

fn reference(out: &mut Vec<u8>, value: &Value) -> usize {
    match value {
        Value::Str(text) => string(out, text),
        Value::Strs(items) => list(out, items, |out, s| string(out, s)),
        Value::Table(fields) => table(out, fields),
        Value::Tables(items) => list(out, items, |out, t| table(out, t)),
        Value::I64s(items) => {
            align(out, 8, 4);
            let at = length(out, items.len());
            out.extend(items.iter().flat_map(|v| v.to_le_bytes()));
            at
        }
        Value::Raw(bytes) => {
            align(out, 16, 4);
            let at = length(out, bytes.len().div_ceil(16));
            out.extend(bytes);
            out.resize(at + 4 + bytes.len().next_multiple_of(16), 0);
            at
        }
        _ => unreachable!("scalars are stored inline"),
    }
}
