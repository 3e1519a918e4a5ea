//! Chance that can be repeated, and texts that people do not write.

/// Numbers that follow from a seed (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of 0, 1, … `end - 1`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    pub(crate) fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A text that no form would let through.
    pub(crate) fn odd_text(&mut self) -> String {
        match self.below(30) {
            0 => "a".repeat(self.below(300)),
            1 => "é".repeat(self.below(2000)),
            2 => "1".repeat(1 + self.below(400)),
            3 => "a/".repeat(1 + self.below(200)),
            4 => (0..self.below(40)).map(|_| char::from(self.below(128) as u8)).collect(),
            5 => (0..self.below(20)).filter_map(|_| char::from_u32(self.below(0x11_0000) as u32)).collect(),
            6 => self.odd_number().to_string(),
            _ => (*self.pick(ODD)).to_owned(),
        }
    }

    /// A number at a border, or anywhere.
    pub(crate) fn odd_number(&mut self) -> i64 {
        match self.below(4) {
            0 => self.roll() as i64,
            1 => self.below(200) as i64,
            _ => *self.pick(&[
                0,
                1,
                -1,
                2,
                100,
                101,
                i64::MAX,
                i64::MIN,
                1 << 31,
                (1 << 31) - 1,
                1 << 53,
                1 << 62,
            ]),
        }
    }
}

const ODD: &[&str] = &[
    "",
    " ",
    "  a  ",
    "0",
    "-0",
    "+1",
    "01",
    "1.5",
    "1e9",
    "1e999",
    "0x10",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "NaN",
    "null",
    "undefined",
    "true",
    "TRUE",
    "é",
    "日本語",
    "😀",
    "\u{0}",
    "a\u{0}b",
    "\u{202e}a",
    "\u{feff}a",
    "\u{fffd}",
    "\u{ffff}",
    "e\u{301}",
    "ﬁ",
    "İ",
    "ſ",
    "a/b",
    "a//b",
    "/",
    "..",
    ".",
    "../../etc/passwd",
    "..\\..\\windows",
    "a/../b",
    "file:///etc/passwd",
    "%",
    "%25",
    "%2F",
    "%252F",
    "%zz",
    "%00",
    "%ff",
    "' OR 1=1 --",
    "\"; DROP TABLE project; --",
    "1); DELETE FROM tag; --",
    "\\",
    "\\'",
    "$1",
    "?",
    "#",
    "&a=b",
    "*",
    "**",
    "_",
    "a_b%",
    "{}",
    "{{project}}",
    "[]",
    "{a b}",
    "(a b)",
    "[1~2]",
    "[~]",
    "~",
    "~~",
    "=",
    ",",
    ",,a=,",
    "\n",
    "a\r\nX-Evil: 1",
    "\t",
    "\u{7f}",
    "\u{85}",
    "<script>alert(1)</script>",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    "; ls",
    "$(id)",
    "robot$",
    "robot$a+b",
    "robot$a+b+c",
    "admin",
    "Admin",
    "anonymous",
    "library",
    "LIBRARY",
    "sha256:",
    "sha256:00",
    "sha256:zz",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    "0001-01-01T00:00:00",
    "2024-02-30T25:61:61",
    "9999-12-31T23:59:59.999999999Z",
    "-292277022657-01-27T08:29:52Z",
];
