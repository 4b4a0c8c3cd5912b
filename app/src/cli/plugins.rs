//! `octet plugin`, and finding the strategies that other commands name.

use std::path::Path;

use anyhow::Context;
use octet_engine::host::{Discovery, Found, Origin, SearchPath, TrustStore, discover as discover_in};
use octet_engine::job::Workers;
use serde_json::json;

use super::UsageError;
use super::args::{PluginCommand, PluginLanguage};
use super::output::{print_json, print_line};
use crate::scaffold::{self, Language, PluginName, ScaffoldError};

pub(super) fn run(command: &PluginCommand) -> anyhow::Result<()> {
    match command {
        PluginCommand::List { json } => list(*json),
        PluginCommand::Trust { path } => {
            let workers = Workers::of_this_program()?;
            // A file that is no plugin is refused before it is trusted.
            let description = workers.describe(path)?;
            let mut store = TrustStore::of_user()?;
            store.trust(path)?;
            print_line(&format!("trusted: {} {} ({})", description.id, description.version, path.display()));
            Ok(())
        }
        PluginCommand::New { name, lang, dir } => new(name, *lang, dir),
    }
}

fn new(name: &str, language: PluginLanguage, parent: &Path) -> anyhow::Result<()> {
    let name = PluginName::parse(name).map_err(|e| UsageError(e.to_string()))?;
    let language = match language {
        PluginLanguage::Rust => Language::Rust,
        PluginLanguage::C => Language::C,
    };
    let search = SearchPath::standard();
    let plugins = search.folders.iter().find(|folder| folder.origin == Origin::User);
    let plugins = plugins.context("this system names no data folder; set OCTET_DATA_DIR")?;
    let project = scaffold::create(parent, &name, language, &plugins.path).map_err(|e| match e {
        ScaffoldError::Exists(_) | ScaffoldError::Unprintable { .. } => UsageError(e.to_string()).into(),
        other => anyhow::Error::from(other),
    })?;
    print_line(&format!("{} holds a strategy. In that folder,", project.folder.display()));
    print_line(&format!("    {}", project.build));
    print_line("builds it, and");
    print_line(&format!("    {}", project.install));
    print_line("puts it where Octet looks. README.md says how to go on.");
    Ok(())
}

/// Everything on the search path; libraries are described in processes of their own.
pub(super) fn discover(workers: &Workers) -> anyhow::Result<Discovery> {
    let trust = TrustStore::of_user()?;
    Ok(discover_in(&SearchPath::standard(), &trust, |library: &Path| workers.describe(library)))
}

/// Finds a strategy by its id or the last part of it.
pub(super) fn resolve<'a>(installed: &'a Discovery, name: &str) -> anyhow::Result<&'a Found> {
    installed.find(name).map_err(|message| UsageError(message).into())
}

fn list(as_json: bool) -> anyhow::Result<()> {
    let installed = discover(&Workers::of_this_program()?)?;
    if as_json {
        let loaded = installed.loaded.iter().map(|f| {
            json!({
                "path": f.path,
                "id": f.description.id,
                "name": f.description.name,
                "version": f.description.version,
                "vendor": f.description.vendor,
                "description": f.description.description,
                "targets": f.description.targets,
                "schema": f.description.schema,
            })
        });
        let refused = installed.refused.iter().map(|r| json!({"path": r.path, "reason": r.reason}));
        return print_json(&json!({
            "loaded": loaded.collect::<Vec<_>>(),
            "refused": refused.collect::<Vec<_>>(),
        }));
    }
    for found in &installed.loaded {
        let d = &found.description;
        print_line(&format!("{} {}  {}", d.id, d.version, d.name));
        print_line(&format!("    {}", d.description));
        print_line(&format!("    {}", found.path.display()));
    }
    for refused in &installed.refused {
        print_line(&format!("refused  {}", refused.path.display()));
        print_line(&format!("    {}", refused.reason));
    }
    if installed.loaded.is_empty() && installed.refused.is_empty() {
        print_line("no plugin was found");
    }
    Ok(())
}
