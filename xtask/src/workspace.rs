//! What cargo knows of this workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// The workspace that this program was built from.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) benches: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Workspace {
    /// Asks cargo for the workspace's members; needs no network.
    ///
    /// # Errors
    /// When cargo cannot read a manifest; the error carries what it said.
    pub(crate) fn load() -> anyhow::Result<Workspace> {
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(root())
            .output()
            .context("cannot run cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        let metadata: Metadata =
            serde_json::from_slice(&output.stdout).context("cargo metadata printed something else")?;
        let packages = metadata.packages.into_iter().map(Package::from).collect();
        Ok(Workspace { root: metadata.workspace_root, target: metadata.target_directory, packages })
    }

    /// The package that a file belongs to; where packages nest, the innermost.
    pub(crate) fn package_of(&self, file: &Path) -> Option<&Package> {
        let around = self.packages.iter().filter(|package| file.starts_with(&package.folder));
        around.max_by_key(|package| package.folder.components().count())
    }
}

impl From<MetadataPackage> for Package {
    fn from(package: MetadataPackage) -> Package {
        let is_bench = |target: &Target| target.kind.iter().any(|kind| kind == "bench");
        let benches = package.targets.into_iter().filter(is_bench).map(|target| target.name).collect();
        let mut folder = package.manifest_path;
        folder.pop();
        Package { name: package.name, folder, benches }
    }
}

/// The folder of the root manifest.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The cargo that started this program, so that a toolchain picked by `cargo +name xtask` stays picked.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
