//! The process as the kernel sees it: memory, open files, processor time and when it began. Only Linux tells.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Clock ticks of `/proc` in a second; Linux promises this number to user space on all our platforms.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads `/proc` whenever the meters are asked for. What cannot be read is left out.
#[derive(Debug)]
pub(super) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        if let Some(bytes) = resident_bytes() {
            gauge(&mut encoder, "process_resident_memory_bytes", "Memory in use", bytes)?;
        }
        if let Ok(fds) = fs::read_dir("/proc/self/fd") {
            gauge(&mut encoder, "process_open_fds", "Files and sockets open", fds.count() as f64)?;
        }
        let Some(stat) = stat() else { return Ok(()) };
        let cpu = ConstCounter::new(stat.cpu_seconds);
        let descriptor = encoder.encode_descriptor(
            "process_cpu_seconds",
            "Processor time used",
            None,
            cpu.metric_type(),
        )?;
        cpu.encode(descriptor)?;
        match boot_time() {
            Some(boot) => gauge(
                &mut encoder,
                "process_start_time_seconds",
                "When it began",
                boot + stat.started_seconds,
            ),
            None => Ok(()),
        }
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: f64,
) -> Result<(), std::fmt::Error> {
    let gauge = ConstGauge::new(value);
    let descriptor = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
    gauge.encode(descriptor)
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}

struct Stat {
    cpu_seconds: f64,
    /// After the machine began.
    started_seconds: f64,
}

/// Fields are counted from behind the program's name, which may contain anything.
fn stat() -> Option<Stat> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<f64> = rest.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    let (user, system, started) = (fields.get(10)?, fields.get(11)?, fields.get(18)?);
    Some(Stat {
        cpu_seconds: (user + system) / TICKS_PER_SECOND,
        started_seconds: started / TICKS_PER_SECOND,
    })
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}
