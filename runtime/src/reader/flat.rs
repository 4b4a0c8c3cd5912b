//! Tables, vectors and strings of a FlatBuffers payload, every access checked.

/// The payload breaks a rule of FlatBuffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// What was being read.
    pub(crate) what: &'static str,
    /// Byte position in the payload.
    pub(crate) at: usize,
}

/// Result of a checked access.
pub(crate) type Read<T> = Result<T, Malformed>;

/// The `N` bytes at `at`.
fn bytes_at<const N: usize>(buf: &[u8], at: usize) -> Read<[u8; N]> {
    let bad = Malformed { what: "a number reaches beyond the end", at };
    let end = at.checked_add(N).ok_or(bad)?;
    buf.get(at..end).and_then(|b| b.try_into().ok()).ok_or(bad)
}

fn u32_at(buf: &[u8], at: usize) -> Read<u32> {
    Ok(u32::from_le_bytes(bytes_at(buf, at)?))
}

/// Follows the unsigned offset stored at `at`.
fn deref(buf: &[u8], at: usize) -> Read<usize> {
    let offset = u32_at(buf, at)? as usize;
    at.checked_add(offset)
        .filter(|&p| p < buf.len())
        .ok_or(Malformed { what: "an offset points beyond the end", at })
}

/// One table; fields are addressed by their id in the schema.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a> {
    buf: &'a [u8],
    /// Position of the table.
    at: usize,
    /// Position of its vtable.
    vtable: usize,
    /// Bytes of the vtable.
    vtable_bytes: usize,
    /// Bytes of the table itself.
    table_bytes: usize,
}

impl<'a> Table<'a> {
    /// The root table of a payload.
    pub(crate) fn root(buf: &'a [u8]) -> Read<Self> {
        Self::new(buf, deref(buf, 0)?)
    }

    // Called from everywhere: inlining these would double the code that a chip has to hold.
    #[inline(never)]
    fn new(buf: &'a [u8], at: usize) -> Read<Self> {
        let bad = |what| Malformed { what, at };
        let back = i64::from(i32::from_le_bytes(bytes_at(buf, at)?));
        let vtable = i64::try_from(at)
            .ok()
            .and_then(|p| p.checked_sub(back))
            .and_then(|p| usize::try_from(p).ok())
            .ok_or(bad("a vtable lies outside the file"))?;
        let vtable_bytes = usize::from(u16::from_le_bytes(bytes_at(buf, vtable)?));
        let table_bytes = usize::from(u16::from_le_bytes(bytes_at(buf, vtable.saturating_add(2))?));
        let inside = |start: usize, len: usize| start.checked_add(len).is_some_and(|end| end <= buf.len());
        if vtable_bytes < 4 || vtable_bytes % 2 != 0 || !inside(vtable, vtable_bytes) {
            return Err(bad("a vtable has a wrong size"));
        }
        if table_bytes < 4 || !inside(at, table_bytes) {
            return Err(bad("a table has a wrong size"));
        }
        Ok(Self { buf, at, vtable, vtable_bytes, table_bytes })
    }

    /// Position of a field of `size` bytes; `None` when the field is absent.
    #[inline(never)]
    fn field(&self, id: usize, size: usize) -> Read<Option<usize>> {
        let slot = id.saturating_mul(2).saturating_add(4);
        if slot.saturating_add(2) > self.vtable_bytes {
            return Ok(None);
        }
        let offset = usize::from(u16::from_le_bytes(bytes_at(self.buf, self.vtable + slot)?));
        if offset == 0 {
            return Ok(None);
        }
        if offset < 4 || offset + size > self.table_bytes {
            return Err(Malformed { what: "a field lies outside its table", at: self.at });
        }
        Ok(Some(self.at + offset))
    }

    pub(crate) fn u8(&self, id: usize) -> Read<u8> {
        self.field(id, 1)?.map_or(Ok(0), |at| Ok(u8::from_le_bytes(bytes_at(self.buf, at)?)))
    }

    pub(crate) fn i32(&self, id: usize) -> Read<i32> {
        self.field(id, 4)?.map_or(Ok(0), |at| Ok(i32::from_le_bytes(bytes_at(self.buf, at)?)))
    }

    pub(crate) fn f32(&self, id: usize) -> Read<Option<f32>> {
        self.field(id, 4)?.map(|at| Ok(f32::from_le_bytes(bytes_at(self.buf, at)?))).transpose()
    }

    pub(crate) fn i64(&self, id: usize) -> Read<Option<i64>> {
        self.field(id, 8)?.map(|at| Ok(i64::from_le_bytes(bytes_at(self.buf, at)?))).transpose()
    }

    pub(crate) fn table(&self, id: usize) -> Read<Option<Table<'a>>> {
        self.field(id, 4)?.map(|at| Table::new(self.buf, deref(self.buf, at)?)).transpose()
    }

    /// A vector whose elements take `stride` bytes; an absent one is empty.
    #[inline(never)]
    pub(crate) fn vector(&self, id: usize, stride: usize) -> Read<Vector<'a>> {
        match self.field(id, 4)? {
            None => Ok(Vector { buf: self.buf, at: 0, len: 0, stride }),
            Some(at) => Vector::new(self.buf, deref(self.buf, at)?, stride),
        }
    }

    /// A string; an absent one is empty.
    pub(crate) fn string(&self, id: usize) -> Read<&'a str> {
        self.vector(id, 1)?.text()
    }

    /// Whether a string is this one, compared as bytes: searches need not decode what they pass.
    #[inline(never)]
    pub(crate) fn is_string(&self, id: usize, text: &str) -> bool {
        self.vector(id, 1).is_ok_and(|v| v.bytes() == text.as_bytes())
    }
}

/// A vector of scalars, structs or offsets. Its whole extent was checked when it was opened.
#[derive(Clone, Copy)]
pub(crate) struct Vector<'a> {
    buf: &'a [u8],
    at: usize,
    len: usize,
    stride: usize,
}

impl<'a> Vector<'a> {
    fn new(buf: &'a [u8], at: usize, stride: usize) -> Read<Self> {
        let len = u32_at(buf, at)? as usize;
        let start = at + 4;
        let fits =
            len.checked_mul(stride).and_then(|n| n.checked_add(start)).is_some_and(|end| end <= buf.len());
        if !fits {
            return Err(Malformed { what: "a vector reaches beyond the end", at });
        }
        Ok(Self { buf, at: start, len, stride })
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Position of the first element in the payload.
    pub(crate) fn start(&self) -> usize {
        self.at
    }

    /// All bytes of the vector.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.buf.get(self.at..self.at + self.len * self.stride).unwrap_or(&[])
    }

    fn element(&self, index: usize) -> Read<usize> {
        if index >= self.len {
            return Err(Malformed { what: "an index lies beyond a vector", at: self.at });
        }
        Ok(self.at + index * self.stride)
    }

    /// The bytes as a string.
    #[inline(never)]
    pub(crate) fn text(&self) -> Read<&'a str> {
        core::str::from_utf8(self.bytes())
            .map_err(|_| Malformed { what: "a string is not UTF-8", at: self.at })
    }

    pub(crate) fn i64(&self, index: usize) -> Read<i64> {
        Ok(i64::from_le_bytes(bytes_at(self.buf, self.element(index)?)?))
    }

    #[inline(never)]
    pub(crate) fn table(&self, index: usize) -> Read<Table<'a>> {
        Table::new(self.buf, deref(self.buf, self.element(index)?)?)
    }

    /// The bytes of a string, not decoded yet.
    #[inline(never)]
    pub(crate) fn undecoded(&self, index: usize) -> Read<Vector<'a>> {
        Vector::new(self.buf, deref(self.buf, self.element(index)?)?, 1)
    }

    pub(crate) fn string(&self, index: usize) -> Read<&'a str> {
        self.undecoded(index)?.text()
    }

    /// Whether a string is this one, see [`Table::is_string`].
    pub(crate) fn is_string(&self, index: usize, text: &str) -> bool {
        self.undecoded(index).is_ok_and(|v| v.bytes() == text.as_bytes())
    }

    /// The first of a vector of tables whose string `id` is this one.
    #[inline(never)]
    pub(crate) fn find(&self, id: usize, text: &str) -> Option<Table<'a>> {
        (0..self.len).filter_map(|i| self.table(i).ok()).find(|t| t.is_string(id, text))
    }
}

impl core::fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Table@{}", self.at)
    }
}

impl core::fmt::Debug for Vector<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Vector@{}[{}]", self.at, self.len)
    }
}
