//! Numbers as text: one spelling for each quantity all over the window.

use crate::{tr, trn};
use std::time::Duration;

/// A fraction as per cent with three significant digits, e.g. `8.10 %`, `0.0042 %`.
pub fn percent(fraction: f64) -> String {
    let p = fraction * 100.0;
    if !p.is_finite() {
        return tr!("not finite").into_owned();
    }
    let decimals = match p.abs() {
        a if a == 0.0 || a >= 1000.0 => 0,
        a if a >= 100.0 => 1,
        a if a >= 0.095 => 2,
        a if a >= 0.0095 => 3,
        _ => 4,
    };
    format!("{p:.decimals$} %")
}

/// A fraction as per cent for a column: always three decimals, so that points align when set flush right.
pub fn percent_column(fraction: f64) -> String {
    format!("{:.3}", fraction * 100.0)
}

/// An accuracy as per cent with one decimal.
pub fn accuracy(fraction: f64) -> String {
    format!("{:.1} %", fraction * 100.0)
}

/// An interval of accuracies, e.g. `57.3 to 64.9 %`.
pub fn interval(ends: [f64; 2]) -> String {
    let [low, high] = ends.map(|end| format!("{:.1}", end * 100.0));
    tr!("%{low} to %{high} %", low = low, high = high).into_owned()
}

/// A count with its unit prefix, e.g. `300.8 M`.
pub fn count(n: u64) -> String {
    let x = n as f64;
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{:.1} k", x / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", x / 1e6),
        _ => format!("{:.2} G", x / 1e9),
    }
}

/// Bytes in binary units, e.g. `416 KiB`.
pub fn bytes(n: u64) -> String {
    let x = n as f64;
    match n {
        0..1_024 => format!("{n} B"),
        1_024..1_048_576 => format!("{:.0} KiB", x / 1024.0),
        _ => format!("{:.2} MiB", x / 1_048_576.0),
    }
}

/// Microseconds as milliseconds, e.g. `1.23 ms`.
pub fn milliseconds(us: f64) -> String {
    let ms = us / 1000.0;
    match ms.abs() {
        a if a >= 100.0 => format!("{ms:.0} ms"),
        a if a >= 10.0 => format!("{ms:.1} ms"),
        _ => format!("{ms:.2} ms"),
    }
}

/// Microseconds as milliseconds with two decimals, for a column.
pub fn milliseconds_column(us: f64) -> String {
    format!("{:.2}", us / 1000.0)
}

/// How long something took, e.g. `0.4 s`, `12 s`, `1 min 05 s`.
pub fn took(time: Duration) -> String {
    let secs = time.as_secs_f64();
    if secs < 10.0 { format!("{secs:.1} s") } else { wait(Duration::from_secs(time.as_secs())) }
}

/// Millions with two decimals, for a column of multiply-accumulates.
pub fn millions_column(n: u64) -> String {
    format!("{:.2}", n as f64 / 1e6)
}

/// KiB with one decimal, for a column of sizes.
pub fn kib_column(n: u64) -> String {
    format!("{:.1}", n as f64 / 1024.0)
}

/// Exponents of weights: one, or the span of many, e.g. `-9 … -5`.
pub fn exponents(all: &[i32]) -> String {
    match (all.iter().min(), all.iter().max()) {
        (Some(min), Some(max)) if min == max => min.to_string(),
        (Some(min), Some(max)) => format!("{min} … {max}"),
        _ => String::new(),
    }
}

/// Extents with crosses, e.g. `1 × 24 × 56 × 56`.
pub fn shape(extents: &[usize]) -> String {
    extents.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}

/// A time to wait, in the coarse words that an estimate deserves.
pub fn wait(time: Duration) -> String {
    let secs = time.as_secs_f64().ceil() as u64;
    match secs {
        0..=59 => format!("{secs} s"),
        60..=3599 => format!("{} min {:02} s", secs / 60, secs % 60),
        _ => format!("{} h {:02} min", secs / 3600, secs % 3600 / 60),
    }
}

/// How long ago something was, in coarse words.
pub fn ago(time: Duration) -> String {
    let secs = time.as_secs();
    match secs {
        0..=59 => tr!("just now").into_owned(),
        60..=3599 => tr!("%{n} min ago", n = secs / 60).into_owned(),
        3600..=86_399 => trn!(secs / 3600, "1 hour ago", "%{n} hours ago").into_owned(),
        _ => trn!(secs / 86_400, "1 day ago", "%{n} days ago").into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_cent_keep_three_digits() {
        assert_eq!(percent(0.0810), "8.10 %");
        assert_eq!(percent(0.000_042), "0.0042 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(1.5), "150.0 %");
        assert_eq!(percent(f64::NAN), "not finite");
    }

    #[test]
    fn bytes_counts_and_waits_read_naturally() {
        assert_eq!(bytes(352), "352 B");
        assert_eq!(bytes(416 * 1024), "416 KiB");
        assert_eq!(bytes(3_774_873), "3.60 MiB");
        assert_eq!(count(300_774_272), "300.8 M");
        assert_eq!(milliseconds(1234.0), "1.23 ms");
        assert_eq!(milliseconds(123_456.0), "123 ms");
        assert_eq!(wait(Duration::from_millis(7200)), "8 s");
        assert_eq!(wait(Duration::from_secs(61)), "1 min 01 s");
    }

    #[test]
    fn times_past_are_coarse() {
        let words = [0, 60, 3600, 7200, 86_400, 900_000].map(|s| ago(Duration::from_secs(s)));
        assert_eq!(words, ["just now", "1 min ago", "1 hour ago", "2 hours ago", "1 day ago", "10 days ago"]);
    }

    #[test]
    fn exponents_show_one_or_a_span() {
        assert_eq!(exponents(&[-7]), "-7");
        assert_eq!(exponents(&[-9, -5, -7]), "-9 … -5");
        assert_eq!(exponents(&[]), "");
    }
}
