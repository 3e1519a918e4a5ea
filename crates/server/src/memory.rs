//! The memory that this process may use, as far as the system says so.

use std::fs::read_to_string;

/// In bytes: what the machine has, or less where a control group allows less.
pub(crate) fn total() -> Option<u64> {
    let machine = read_to_string("/proc/meminfo").ok().and_then(|text| of_machine(&text));
    let own = read_to_string("/proc/self/cgroup").ok().and_then(|text| own_group(&text));
    let limits = [
        own.map(|path| format!("/sys/fs/cgroup{path}/memory.max")),
        Some("/sys/fs/cgroup/memory.max".to_owned()),
        Some("/sys/fs/cgroup/memory/memory.limit_in_bytes".to_owned()),
    ];
    let limits = limits.into_iter().flatten().filter_map(|path| read_to_string(path).ok());
    // A group without a limit says `max`.
    limits.filter_map(|text| text.trim().parse().ok()).chain(machine).min()
}

fn of_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The path of the process's group in the one tree of version 2.
fn own_group(groups: &str) -> Option<String> {
    groups.lines().find_map(|line| line.strip_prefix("0::")).map(|path| path.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        assert_eq!(of_machine("MemFree: 1 kB\nMemTotal:       16384256 kB\n"), Some(16_384_256 << 10));
        assert_eq!(of_machine("MemTotal: many"), None);
        assert_eq!(
            own_group("0::/system.slice/haven.service\n").as_deref(),
            Some("/system.slice/haven.service")
        );
        assert_eq!(own_group("1:memory:/a\n0::/\n").as_deref(), Some(""));
        assert_eq!(own_group("1:memory:/a\n"), None);
    }
}
