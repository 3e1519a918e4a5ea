//! What else the machine did: load average and stolen time around a run; and what machine it is.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::Result;

/// How quiet the machine was during one run.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Noise {
    /// Load average over a minute when the run began.
    pub(crate) load: f64,
    /// The part of the processors' time that the host kept for others, in percent.
    pub(crate) steal: f64,
}

/// Begun before a run, ended after it.
pub(crate) struct Watch {
    load: f64,
    before: Times,
}

#[derive(Clone, Copy)]
struct Times {
    all: u64,
    stolen: u64,
}

impl Watch {
    pub(crate) fn begin() -> Result<Self> {
        let load = std::fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').next().unwrap_or_default().parse()?;
        Ok(Self { load, before: Times::now()? })
    }

    pub(crate) fn end(&self) -> Result<Noise> {
        let now = Times::now()?;
        let all = now.all.saturating_sub(self.before.all).max(1);
        let stolen = now.stolen.saturating_sub(self.before.stolen);
        Ok(Noise { load: self.load, steal: 100.0 * stolen as f64 / all as f64 })
    }
}

impl Times {
    fn now() -> Result<Self> {
        Self::parse(&std::fs::read_to_string("/proc/stat")?)
    }

    /// `cpu user nice system idle iowait irq softirq steal guest guest_nice`, in ticks.
    fn parse(stat: &str) -> Result<Self> {
        let line = stat.lines().next().unwrap_or_default();
        let fields: Vec<u64> =
            line.split_whitespace().skip(1).map(str::parse).collect::<std::result::Result<_, _>>()?;
        // Time of guests is part of user and nice already.
        Ok(Self { all: fields.iter().take(8).sum(), stolen: fields.get(7).copied().unwrap_or(0) })
    }
}

/// Says in one line what machine this is.
pub(crate) fn machine(folder: &Path) -> Result<()> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim())
    };
    let flags = field("flags").unwrap_or_default();
    let sha = flags.split(' ').any(|flag| flag == "sha_ni");
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let memory = std::fs::read_to_string("/proc/meminfo")?;
    let kilobytes: f64 =
        memory.split_whitespace().nth(1).map_or(Ok(0.0), |text| text.parse().map_err(|_| "memory"))?;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let disk = Command::new("stat").args(["-f", "-c", "%T"]).arg(folder).output()?;
    let text = format!(
        "{cores} × {}{}, {:.0} GB of memory, Linux {}, {}",
        field("model name").unwrap_or("processor"),
        if sha { "" } else { " (without SHA instructions)" },
        kilobytes / 1e6,
        kernel.trim(),
        String::from_utf8_lossy(&disk.stdout).trim(),
    );
    crate::report::say_fact(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_the_eighth_field() {
        let times = Times::parse("cpu  10 20 30 40 50 60 70 80 5 5\ncpu0 1 2").unwrap();
        assert_eq!((times.all, times.stolen), (360, 80));
    }
}
