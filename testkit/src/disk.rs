use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A small filesystem in memory, mounted at a folder of its own until this is dropped.
///
/// A test that makes one names [`Service::Mount`](crate::Service::Mount).
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Mounts one of this size, such as `2m`.
    ///
    /// # Errors
    ///
    /// Why that cannot be done, as `mount` says it.
    pub fn new(size: &str) -> Result<Self, String> {
        let folder = TempDir::with_prefix("testkit-disk-").map_err(|error| error.to_string())?;
        let size = format!("size={size}");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "testkit"])
            .arg(folder.path()))?;
        Ok(Self { folder })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: who still has a file open there keeps it to the end.
        if let Err(error) = run(Command::new("umount").arg("--lazy").arg(self.path())) {
            eprintln!("{} is still mounted: {error}", self.path().display());
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("no mount: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(said.lines().next().unwrap_or("mount failed").to_owned())
        }
    }
}
