//! The C header is the one that cbindgen makes from `src/abi`, and a C compiler lays its structs out as Rust does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use octet_plugin_api::abi::*;

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn generated() -> String {
    let mut builder = cbindgen::Builder::new()
        .with_config(cbindgen::Config::from_file(here().join("cbindgen.toml")).unwrap());
    for file in ["value", "graph", "numbers", "host", "plugin"] {
        builder = builder.with_src(here().join(format!("src/abi/{file}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn header_is_up_to_date() {
    let path = here().join("include/octet_plugin.h");
    let generated = generated();
    if std::env::var_os("OCTET_BLESS").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "include/octet_plugin.h is not what src/abi says; run \
         `OCTET_BLESS=1 cargo test -p octet-plugin-api --test header`"
    );
}

macro_rules! layout {
    ($out:ident, $($name:ident { $($field:ident),* $(,)? })*) => {$(
        writeln!($out, "{} {}", stringify!($name), size_of::<$name>()).unwrap();
        $(writeln!(
            $out,
            "{}.{} {}",
            stringify!($name),
            stringify!($field),
            std::mem::offset_of!($name, $field)
        ).unwrap();)*
    )*};
}

fn rust_layout() -> String {
    let mut out = String::new();
    layout! { out,
        OctetString { data, len }
        OctetStrings { data, len }
        OctetIds { data, len }
        OctetInts { data, len }
        OctetExponents { data, len }
        OctetCounts { data, len }
        OctetFloats { data, len }
        OctetDoubles { data, len }
        OctetNetworkInfo { struct_size, name, node_count, tensor_count, input, output }
        OctetNodeInfo { struct_size, name, op, inputs, outputs, absorbed, macs, bits, flags }
        OctetTensorInfo { struct_size, name, shape, len, producer, consumers, flags, reserved }
        OctetTargetInfo {
            struct_size, name, rounding, per_channel, bias_bits_int8, bias_bits_int16, accumulator_bits_int8,
            layout
        }
        OctetSlot { struct_size, tensor, node, bits, role, channels, axis }
        OctetStatisticsRequest { struct_size, tensors, bins, weights, want_percentiles, percentile }
        OctetStatistics {
            struct_size, histogram, bin_width, count, min, max, low, high, has_percentiles, reserved
        }
        OctetScore { struct_size, output_nsr, agreement, pictures, nodes, node_nsr }
        OctetHost {
            struct_size, abi_major, abi_minor, context, last_error, fail, log, progress, cancelled, target,
            network, metadata, node, tensor, attribute_ints, attribute_float, weights, exponents, slot_count,
            slot, picture_count, statistics, statistics_of, run_float, set_bits, set_exponents, set_weights,
            set_relu_for_clip, complete, score
        }
        OctetPluginDescriptor {
            abi_major, abi_minor, struct_size, id, name, version, vendor, description, targets, describe,
            create, run, destroy
        }
    }
    out
}

fn compile(source: &str, compiler: &str, extra: &[&str], into: &Path) -> bool {
    let file = into.with_extension(if compiler == "cc" { "c" } else { "cpp" });
    std::fs::write(&file, source).unwrap();
    let status = Command::new(compiler)
        .args(extra)
        .args(["-Wall", "-Wextra", "-Werror", "-I"])
        .arg(here().join("include"))
        .arg("-o")
        .arg(into)
        .arg(&file)
        .status();
    match status {
        Ok(status) => {
            assert!(status.success(), "{compiler} refused the header");
            true
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: no {compiler}");
            false
        }
        Err(error) => panic!("{compiler}: {error}"),
    }
}

#[test]
fn c_lays_the_structs_out_as_rust_does() {
    let rust = rust_layout();
    let mut source = String::from(
        "#include <stddef.h>\n#include <stdio.h>\n#include \"octet_plugin.h\"\nint main(void) {\n",
    );
    for line in rust.lines() {
        let name = line.split(' ').next().unwrap();
        let measure = match name.split_once('.') {
            Some((outer, field)) => format!("offsetof({outer}, {field})"),
            None => format!("sizeof({name})"),
        };
        writeln!(source, "  printf(\"{name} %zu\\n\", {measure});").unwrap();
    }
    source.push_str("  return 0;\n}\n");

    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("layout");
    if compile(&source, "cc", &["-std=c99", "-pedantic"], &program) {
        let output = Command::new(&program).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), rust);
    }
}

#[test]
fn header_is_cpp_too() {
    let folder = tempfile::tempdir().unwrap();
    let source = "#include \"octet_plugin.h\"\nint main() { return OCTET_OK; }\n";
    compile(source, "c++", &["-std=c++11"], &folder.path().join("cpp"));
}
