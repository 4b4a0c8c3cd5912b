//! Attributes of nodes.

use super::validate::Budget;
use crate::error::Error;
use crate::reader::{Read, Table, Vector};

/// The kind of a text.
const TEXT: i32 = 3;

/// One attribute of a node.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    name: &'a str,
    value: Value<'a>,
}

/// The value of an attribute; kinds no operation of ours uses read as `Other`.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A float.
    Float(f32),
    /// An integer.
    Int(i64),
    /// A text.
    Text(&'a str),
    /// A list of integers.
    Ints(Ints<'a>),
    /// Anything else.
    Other,
}

/// A list of integers.
#[derive(Clone, Copy, Debug)]
pub struct Ints<'a>(Vector<'a>);

impl<'a> Ints<'a> {
    /// The integers in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i64> + use<'a> {
        let list = self.0;
        (0..list.len()).map(move |i| list.i64(i).unwrap_or(0))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}

impl<'a> Attribute<'a> {
    /// Checks what [`Self::read`] takes for granted.
    pub(super) fn check(table: &Table<'a>, budget: &mut Budget<'_>) -> Result<(), Error<'a>> {
        budget.name(&table.vector(0, 1)?)?;
        if table.i32(3)? == TEXT {
            budget.name(&table.vector(6, 1)?)?;
        }
        Self::read(table)?;
        Ok(())
    }

    pub(super) fn read(table: &Table<'a>) -> Read<Self> {
        let value = match table.i32(3)? {
            1 => table.f32(4)?.map_or(Value::Other, Value::Float),
            2 => table.i64(5)?.map_or(Value::Other, Value::Int),
            TEXT => Value::Text(table.string(6)?),
            7 => Value::Ints(Ints(table.vector(11, 8)?)),
            _ => Value::Other,
        };
        Ok(Self { name: table.string(0)?, value })
    }

    /// Name of the attribute.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its value.
    pub fn value(&self) -> Value<'a> {
        self.value
    }
}
