//! Archives as tools write them, and as nobody should.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write as _;

const LIMITS: Limits = Limits { unpacked: 1 << 20, entries: 100, document: 10_000 };

/// An entry as ustar has it.
fn entry(path: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut block = [0; BLOCK];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    let mut bytes = sealed(block).to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

/// With its checksum.
fn sealed(mut block: [u8; BLOCK]) -> [u8; BLOCK] {
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend([0; 2 * BLOCK]);
    bytes
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn get(bytes: &[u8], path: &str) -> Result<Option<Vec<u8>>, Refused> {
    find(bytes, LIMITS, |found| found == path)
}

fn found(content: &[u8]) -> Result<Option<Vec<u8>>, Refused> {
    Ok(Some(content.to_vec()))
}

#[test]
fn the_first_file_of_a_path_is_found() {
    let bytes = archive(&[
        entry("web/", b'5', b""),
        entry("web/a", b'0', b"one"),
        entry("web/b", b'0', &[b'x'; 1024]),
        entry("web/b", b'0', b"again"),
        entry("web/empty", 0, b""),
    ]);
    assert_eq!(get(&bytes, "web/a"), found(b"one"));
    assert_eq!(get(&bytes, "web/b"), found(&[b'x'; 1024]));
    assert_eq!(get(&bytes, "web/empty"), found(b""));
    assert_eq!(get(&bytes, "web/c"), Ok(None));
    assert_eq!(get(&bytes, "web/"), Ok(None), "a folder is no file");
    assert_eq!(find_gzipped(&gzipped(&bytes), LIMITS, |path| path == "web/a"), found(b"one"));
    let two = [gzipped(&bytes[..700]), gzipped(&bytes[700..])].concat();
    assert_eq!(find_gzipped(&two, LIMITS, |path| path == "web/a"), found(b"one"), "in two members");
    assert_eq!(get(&bytes[..bytes.len() - 2 * BLOCK], "web/c"), Ok(None), "without an end mark");
}

#[test]
fn long_names_come_in_several_ways() {
    let long = format!("web/{}", "n".repeat(200));
    let gnu = archive(&[entry("x", b'L', format!("{long}\0").as_bytes()), entry("web/n", b'0', b"gnu")]);
    assert_eq!(get(&gnu, &long), found(b"gnu"));
    let line = format!("path={long}\n");
    let line = format!("{} {line}", line.len() + 4);
    let global = entry("g", b'g', b"13 comment=x\n");
    let pax = archive(&[
        global,
        entry("x", b'x', line.as_bytes()),
        entry("web/n", b'0', b"pax"),
        entry("b", b'0', b""),
    ]);
    assert_eq!(get(&pax, &long), found(b"pax"));
    assert_eq!(get(&pax, "b"), found(b""), "the name was for one entry only");
    let mut prefixed: [u8; BLOCK] = entry("name", b'0', b"").try_into().unwrap();
    prefixed[345..348].copy_from_slice(b"web");
    assert_eq!(get(&sealed(prefixed), "web/name"), found(b""));
}

#[test]
fn sizes_may_be_binary_or_extended() {
    let mut binary = entry("a", b'0', b"12345");
    let mut block: [u8; BLOCK] = binary[..BLOCK].try_into().unwrap();
    block[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    binary[..BLOCK].copy_from_slice(&sealed(block));
    assert_eq!(get(&binary, "a"), found(b"12345"));
    let pax = [entry("x", b'x', b"10 size=2\n"), entry("a", b'0', b"12")].concat();
    assert_eq!(get(&pax, "a"), found(b"12"));
    block[124..136].fill(0xff);
    assert_eq!(get(&sealed(block), "a"), Err(Refused::Damaged));
}

#[test]
fn what_is_no_archive_is_refused() {
    let good = archive(&[entry("a", b'0', &[1; 600])]);
    let mut tampered = good.clone();
    tampered[0] = b'b';
    let digits = [entry("x", b'x', b"10 size=z\n"), entry("a", b'0', b"")].concat();
    for bytes in [&good[..100], &good[..1000], &tampered, b"no archive at all", &digits] {
        assert_eq!(get(bytes, "a"), Err(Refused::Damaged));
    }
    assert_eq!(get(b"", "a"), Ok(None));
    assert_eq!(find_gzipped(b"plain", LIMITS, |_| true), Err(Refused::Damaged));
    let cut = gzipped(&good);
    assert_eq!(find_gzipped(&cut[..cut.len() / 2], LIMITS, |path| path == "z"), Err(Refused::Damaged));
}

#[test]
fn nothing_is_read_beyond_the_limits() {
    let bomb = gzipped(&archive(&[entry("zeros", b'0', &vec![0; 4 << 20]), entry("a", b'0', b"")]));
    assert!(bomb.len() < 64 << 10, "it is small on the outside");
    assert_eq!(find_gzipped(&bomb, LIMITS, |path| path == "a"), Err(Refused::TooLarge));
    assert_eq!(find_gzipped(&bomb, LIMITS, |path| path == "zeros"), Err(Refused::TooLarge));
    let many = archive(&vec![entry("x", b'0', b""); 101]);
    assert_eq!(get(&many, "a"), Err(Refused::TooLarge));
    let name = archive(&[entry("x", b'L', &vec![b'n'; 70_000]), entry("a", b'0', b"")]);
    assert_eq!(get(&name, "a"), Err(Refused::TooLarge));
    let mut endless: [u8; BLOCK] = entry("x", b'0', b"").try_into().unwrap();
    endless[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(get(&sealed(endless), "a"), Err(Refused::Damaged), "it says more than there is");
}

#[test]
fn a_link_has_no_content_whatever_it_claims() {
    let mut link: [u8; BLOCK] = entry("l", b'2', b"").try_into().unwrap();
    link[124..135].copy_from_slice(b"00000001000");
    let bytes = archive(&[sealed(link).to_vec(), entry("a", b'0', b"one")]);
    assert_eq!(get(&bytes, "a"), found(b"one"));
    assert_eq!(get(&bytes, "l"), Ok(None));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        let _ = find(&bytes[..], LIMITS, |_| true);
        let _ = find_gzipped(&gzipped(&bytes), LIMITS, |_| false);
    }

    #[test]
    fn a_damaged_archive_gives_what_it_had_or_nothing(at in 0usize..3072, byte in any::<u8>(), path in "[a-d]") {
        let mut bytes = archive(&[entry("a", b'0', b"one"), entry("b", b'0', b"two")]);
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(Some(content)) = get(&bytes, &path) {
            prop_assert!(content.len() <= 1024);
        }
    }

    #[test]
    fn extended_headers_are_survived(header in prop::collection::vec(any::<u8>(), 0..80), text in "[0-9 =a-z\n]{0,60}") {
        let _ = (record(&header, "path"), record(text.as_bytes(), "size"));
    }
}
