//! Sizes as people read them. Pure.

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// `12 B`, `1.5 MiB`: binary units with one decimal.
pub(super) fn text(bytes: i64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn sizes_have_one_decimal_and_binary_units() {
        for (bytes, expected) in [
            (0, "0 B"),
            (-5, "-5 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (1 << 50, "1.0 PiB"),
            (i64::MAX, "8.0 EiB"),
        ] {
            assert_eq!(text(bytes), expected);
        }
    }
}
