//! Operations on int8 elements, place by place.

/// y = saturate(a + b).
pub fn add(a: &[u8], b: &[u8], y: &mut [u8]) {
    // In this form compilers use the saturating additions of vector units.
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        *y = (a as i8).saturating_add(b as i8) as u8;
    }
}

/// y = saturate(y + b).
pub fn add_assign(y: &mut [u8], b: &[u8]) {
    for (y, &b) in y.iter_mut().zip(b) {
        *y = (*y as i8).saturating_add(b as i8) as u8;
    }
}

/// y = min(max(y, low), high).
pub fn clamp_assign([low, high]: [i8; 2], y: &mut [u8]) {
    for y in y {
        *y = (*y as i8).max(low).min(high) as u8;
    }
}

/// y = table[y + 128].
pub fn table_assign(table: &[u8; 256], y: &mut [u8]) {
    for value in y {
        // Signed -128..127 become indices 0..255 by flipping the sign bit.
        *value = table[usize::from(*value ^ 0x80)];
    }
}

/// Adds the elements of a pixel to the sums at their places.
pub fn sum(sums: &mut [i64], x: &[u8]) {
    for (sum, &x) in sums.iter_mut().zip(x) {
        *sum += i64::from(x as i8);
    }
}
