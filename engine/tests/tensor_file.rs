//! Tensor files whose headers promise what they do not hold.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use octet_engine::predict::{Values, read_npy, write_npy};

fn refused(header: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    std::fs::write(&path, header).unwrap();
    read_npy(&path).unwrap_err().to_string()
}

fn with_shape(shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': '|i1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(text.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], text.as_bytes(), &[0; 16]].concat()
}

#[test]
fn extents_that_overflow_are_refused() {
    let message = refused(&with_shape("(4294967296, 4294967296, 4294967296, 3)"));
    assert!(message.contains("promises"), "{message}");
    assert!(refused(&with_shape("(1, 1000)")).contains("promises"));
}

#[test]
fn a_header_longer_than_the_file_is_refused() {
    let message = refused(b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{'descr': '|i1'");
    assert!(message.contains("promises"), "{message}");
}

#[test]
fn a_nested_header_is_refused_at_once() {
    assert!(refused(&with_shape(&"{".repeat(60))).contains("promises"));
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let values = Values::I8(vec![1, -2, 3, 127, -128, 0]);
    write_npy(&path, &values, &[2, 3]).unwrap();
    assert_eq!(read_npy(&path).unwrap(), (values, vec![2, 3]));
}
