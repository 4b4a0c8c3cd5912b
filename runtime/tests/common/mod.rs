//! Builds tiny `.espdl` files.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses a part of it")]

mod flat;

use flat::Value::{self, I32, I64, I64s, Raw, Str, Strs, Struct64, Tables, U8};
use octet_runtime::DType;

fn code(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 1,
        DType::I16 => 5,
        DType::I32 => 6,
        DType::I64 => 7,
        _ => 3,
    }
}

/// Integers as the bytes of a type.
pub fn bytes(dtype: DType, values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes().into_iter().take(dtype.bytes())).collect()
}

/// An attribute of a node.
pub enum Attr {
    Float(f32),
    Int(i64),
    Ints(Vec<i64>),
    Text(&'static str),
}

/// A network under construction.
#[derive(Default)]
pub struct Net {
    nodes: Vec<Vec<(u16, Value)>>,
    initializers: Vec<Vec<(u16, Value)>>,
    values: Vec<Vec<(u16, Value)>>,
    inputs: Vec<Vec<(u16, Value)>>,
    outputs: Vec<Vec<(u16, Value)>>,
    metadata: Vec<Vec<(u16, Value)>>,
    test_inputs: Vec<Vec<(u16, Value)>>,
    test_outputs: Vec<Vec<(u16, Value)>>,
}

fn value(name: &str, dtype: DType, shape: &[usize], exponent: i32) -> Vec<(u16, Value)> {
    let dims = shape.iter().map(|&d| vec![(0, Value::Table(vec![(0, U8(1)), (1, I64(d as i64))]))]).collect();
    let tensor = vec![(0, I32(code(dtype))), (1, Value::Table(vec![(0, Tables(dims))]))];
    vec![
        (0, Str(name.into())),
        (1, Value::Table(vec![(0, U8(1)), (1, Value::Table(tensor))])),
        (3, I64s(vec![i64::from(exponent)])),
    ]
}

/// Name, type, shape and integers of a tensor.
pub type Test<'t> = (&'t str, DType, &'t [usize], &'t [i64]);

fn tensor(
    name: &str,
    dtype: DType,
    dims: &[usize],
    exponents: &[i64],
    layout: &str,
    data: &[i64],
) -> Vec<(u16, Value)> {
    vec![
        (0, I64s(dims.iter().map(|&d| d as i64).collect())),
        (1, I32(code(dtype))),
        (6, Str(name.into())),
        (7, Str(layout.into())),
        (8, Raw(bytes(dtype, data))),
        (13, I64s(exponents.to_vec())),
    ]
}

impl Net {
    pub fn input(&mut self, name: &str, dtype: DType, shape: &[usize], exponent: i32) -> &mut Self {
        self.inputs.push(value(name, dtype, shape, exponent));
        self
    }

    pub fn value(&mut self, name: &str, dtype: DType, shape: &[usize], exponent: i32) -> &mut Self {
        self.values.push(value(name, dtype, shape, exponent));
        self
    }

    pub fn output(&mut self, name: &str, dtype: DType, shape: &[usize], exponent: i32) -> &mut Self {
        self.outputs.push(value(name, dtype, shape, exponent));
        self
    }

    /// Gives the value that was added last this many exponents, all of them 0.
    pub fn exponents(&mut self, count: usize) -> &mut Self {
        if let Some((_, exponents)) = self.values.last_mut().and_then(|v| v.last_mut()) {
            *exponents = I64s(vec![0; count]);
        }
        self
    }

    pub fn metadata(&mut self, key: &str, text: &str) -> &mut Self {
        self.metadata.push(vec![(0, Str(key.into())), (1, Str(text.into()))]);
        self
    }

    /// A constant. `dims` as recorded, `data` as stored.
    pub fn constant(
        &mut self,
        name: &str,
        dtype: DType,
        dims: &[usize],
        exponents: &[i64],
        layout: &str,
        data: &[i64],
    ) -> &mut Self {
        self.initializers.push(tensor(name, dtype, dims, exponents, layout, data));
        self
    }

    /// An input and the output that it must give, each with name, type, shape and integers.
    pub fn test(&mut self, input: Test<'_>, output: Test<'_>) -> &mut Self {
        let tensor = |(name, dtype, shape, data): Test<'_>| tensor(name, dtype, shape, &[], "", data);
        self.test_inputs.push(tensor(input));
        self.test_outputs.push(tensor(output));
        self
    }

    pub fn node(&mut self, op: &str, inputs: &[&str], output: &str, attrs: &[(&str, Attr)]) -> &mut Self {
        let attributes = attrs.iter().map(|(name, attr)| {
            let (kind, field) = match attr {
                Attr::Float(v) => (1, (4, I32(v.to_bits() as i32))),
                Attr::Int(v) => (2, (5, Struct64(*v))),
                Attr::Text(v) => (3, (6, Str((*v).into()))),
                Attr::Ints(v) => (7, (11, I64s(v.clone()))),
            };
            vec![(0, Str((*name).into())), (3, I32(kind)), field]
        });
        self.nodes.push(vec![
            (0, Strs(inputs.iter().map(|s| (*s).into()).collect())),
            (1, Strs(vec![output.into()])),
            (2, Str(format!("node {output}"))),
            (3, Str(op.into())),
            (5, Tables(attributes.collect())),
        ]);
        self
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        let graph = vec![
            (0, Tables(self.nodes.clone())),
            (2, Tables(self.initializers.clone())),
            (4, Tables(self.inputs.clone())),
            (5, Tables(self.outputs.clone())),
            (6, Tables(self.values.clone())),
            (8, Tables(self.test_inputs.clone())),
            (9, Tables(self.test_outputs.clone())),
        ];
        let model = vec![(7, Value::Table(graph)), (8, Tables(self.metadata.clone()))];
        let payload = flat::payload(&model);
        let mut file = b"EDL2\0\0\0\0".to_vec();
        file.extend((payload.len() as u32).to_le_bytes());
        file.extend([0; 4]);
        file.extend(payload);
        file
    }
}

/// A small generator of repeatable numbers.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// Integers of a type; extremes come up often.
    pub fn values(&mut self, dtype: DType, count: usize) -> Vec<i64> {
        let (low, high) = dtype.range().map_or((-1000, 1000), |(l, h)| (i64::from(l), i64::from(h)));
        (0..count)
            .map(|_| match self.next() % 8 {
                0 => low,
                1 => high,
                _ => self.within(low, high),
            })
            .collect()
    }
}

/// `saturate(round(value * 2^-shift))` by its definition, in exact rationals.
pub fn rounded(value: i128, shift: i32, half_even: bool, dtype: DType) -> i64 {
    let (low, high) = dtype.range().map_or((0, 0), |(l, h)| (i128::from(l), i128::from(h)));
    let result = if shift <= 0 {
        // |value| < 2^40 here, so 2^64 of room is enough for shifts up to 64.
        value.saturating_mul(1i128 << (-shift).min(70)).clamp(low, high)
    } else {
        let divisor = 1i128 << shift.min(100);
        let (floor, twice_rest) = (value.div_euclid(divisor), 2 * value.rem_euclid(divisor));
        let up = twice_rest > divisor || (twice_rest == divisor && (!half_even || floor % 2 != 0));
        floor + i128::from(up)
    };
    result.clamp(low, high) as i64
}
