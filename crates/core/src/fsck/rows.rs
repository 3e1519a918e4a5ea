//! Rows against rows: what keys between tables promise, and what they cannot.
//!
//! Both engines enforce the keys. A database that was edited by hand, or put back from pieces, may be wrong all the same.

use super::{Check, Fault, Finding, Repair, Stage, damage, manifests, sql};
use crate::registry;
use crate::{Result, catalog};
use haven_blobs::verify;
use haven_db::params;
use haven_oci::Digest;
use std::collections::HashSet;

/// The most that one kind of damage is told at once; the next run tells the rest.
const MOST: i64 = 1000;

/// One question to the rows.
struct Question {
    /// The table that is wrong.
    table: &'static str,
    sql: &'static str,
    fault: Fault,
    mend: Mend,
}

/// What mends a row, which its number and its text name.
#[derive(Clone, Copy)]
enum Mend {
    /// A statement; when it changes nothing, the words say what helps.
    Run(&'static str, &'static str, &'static str),
    /// The repository's values are computed again.
    Recompute,
    /// The project gets the blob again.
    Link,
    /// The blob's row is made again.
    Blob,
    /// The manifest comes back from storage.
    Manifest,
    /// The manifest's row among the blobs is made again.
    Keep,
    /// Nothing that a program should decide.
    ByHand(&'static str),
}

const LOOK: &str = "Haven never leaves rows so: look where it comes from";
const GONE: &str = "it is gone already";
const RECOMPUTED: &str = "computed again";
/// What helps an index whose parts are not there.
pub(super) const CHILD: &str = "push what the index contains again, then repair";

const fn dangling(table: &'static str, sql: &'static str, mend: Mend) -> Question {
    Question { table, sql, fault: Fault::DanglingRow, mend }
}

const fn stale(table: &'static str, sql: &'static str) -> Question {
    Question { table, sql, fault: Fault::StaleRow, mend: Mend::Recompute }
}

/// In this order: what an earlier repair brings back, later ones build on.
const QUESTIONS: [Question; 19] = [
    dangling("tag", sql::TAG_OF_NOTHING, Mend::Run(sql::DELETE_TAG, "remove it", GONE)),
    dangling(
        "artifact_reference",
        sql::CHILD_OF_NOTHING,
        Mend::Run(sql::DELETE_REFERENCES, "remove it", GONE),
    ),
    dangling("artifact_blob", sql::NEED_OF_NOTHING, Mend::Run(sql::DELETE_NEED, "remove it", GONE)),
    dangling("accessory", sql::ACCESSORY_OF_NOTHING, Mend::Run(sql::DELETE_ACCESSORY, "remove it", GONE)),
    dangling("artifact_label", sql::LABEL_OF_NOTHING, Mend::Run(sql::DELETE_LABEL, "remove it", GONE)),
    dangling("artifact_pull", sql::PULL_OF_NOTHING, Mend::Run(sql::DELETE_PULL, "remove it", GONE)),
    dangling("tag_pull", sql::TAG_PULL_OF_NOTHING, Mend::Run(sql::DELETE_TAG_PULL, "remove it", GONE)),
    dangling("upload", sql::UPLOAD_OF_NOTHING, Mend::Run(sql::DELETE_UPLOAD, "remove it", GONE)),
    dangling("artifact", sql::ARTIFACT_WITHOUT_MANIFEST, Mend::Manifest),
    dangling("manifest", sql::MANIFEST_WITHOUT_BLOB, Mend::Keep),
    dangling("project_blob", sql::LINK_OF_NOTHING, Mend::Blob),
    dangling("artifact_blob", sql::NEED_WITHOUT_LINK, Mend::Link),
    dangling(
        "artifact",
        sql::ARTIFACT_WITHOUT_OWN_BLOB,
        Mend::Run(sql::HOLD_OWN_BLOB, "let it hold its manifest", LOOK),
    ),
    dangling(
        "artifact_reference",
        sql::CHILD_ASTRAY,
        Mend::Run(sql::POINT_TO_CHILD, "refer to the artifact of that digest", CHILD),
    ),
    dangling("tag", sql::TAG_ASTRAY, Mend::ByHand(LOOK)),
    dangling("artifact_blob", sql::NEED_ASTRAY, Mend::ByHand(LOOK)),
    dangling("artifact", sql::ARTIFACT_ASTRAY, Mend::ByHand(LOOK)),
    dangling("repository", sql::REPOSITORY_ASTRAY, Mend::ByHand(LOOK)),
    stale("accessory", sql::SUBJECT),
];

/// These come last: what was mended before changes them.
const TOTALS: [Question; 3] =
    [stale("artifact", sql::LISTED), stale("repository", sql::COUNT), stale("repository", sql::PART)];

pub(super) async fn check(check: &mut Check<'_, '_>) -> Result<()> {
    ask(check, &QUESTIONS, 0).await?;
    manifests::check(check).await?;
    ask(check, &TOTALS, QUESTIONS.len()).await
}

async fn ask(check: &mut Check<'_, '_>, questions: &[Question], before: usize) -> Result<()> {
    let total = (QUESTIONS.len() + TOTALS.len()) as u64;
    for (done, question) in questions.iter().enumerate() {
        let mut recomputed = HashSet::new();
        for row in check.on.db.query(question.sql, params![MOST]).await? {
            let (number, text, detail): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let repair = match question.mend {
                // Once is enough for all that is wrong in a repository.
                Mend::Recompute if check.options.repair && !recomputed.insert(number) => {
                    Repair::Done(RECOMPUTED)
                }
                _ => mend(check, question.mend, number, &text).await,
            };
            tell(check, question, number, &text, detail, repair);
        }
        check.progress(Stage::Rows, (before + done) as u64 + 1, total);
    }
    Ok(())
}

async fn mend(check: &Check<'_, '_>, mend: Mend, number: i64, text: &str) -> Repair {
    match mend {
        Mend::ByHand(why) => Repair::ByHand(why.to_owned()),
        Mend::Run(statement, offer, otherwise) => {
            check.mend(offer, run(check, statement, number, text, otherwise)).await
        }
        Mend::Recompute => check.mend("compute it again", recompute(check, number)).await,
        Mend::Link => check.mend("give the blob to the project", link(check, number, text)).await,
        Mend::Blob => check.mend("make the row again", make_blob(check, text)).await,
        Mend::Manifest => check.mend("write it again from storage", bring_manifest(check, text)).await,
        Mend::Keep => check.mend("make the row again", keep(check, text)).await,
    }
}

fn tell(
    check: &mut Check<'_, '_>,
    question: &Question,
    number: i64,
    text: &str,
    detail: String,
    repair: Repair,
) {
    let number = (number != 0).then(|| number.to_string());
    let key = [Some(question.table.to_owned()), number, (!text.is_empty()).then(|| text.to_owned())];
    check.found(&Finding {
        fault: question.fault,
        subject: key.into_iter().flatten().collect::<Vec<_>>().join(" "),
        detail,
        needed_by: Vec::new(),
        more: false,
        repair,
    });
}

async fn run(
    check: &Check<'_, '_>,
    statement: &str,
    number: i64,
    text: &str,
    otherwise: &str,
) -> Result<Repair> {
    Ok(match check.on.db.execute(statement, params![number, text]).await? {
        0 => Repair::ByHand(otherwise.to_owned()),
        _ => Repair::Done("done"),
    })
}

async fn recompute(check: &Check<'_, '_>, repository: i64) -> Result<Repair> {
    catalog::recompute(&check.on.db, repository).await?;
    Ok(Repair::Done(RECOMPUTED))
}

async fn link(check: &Check<'_, '_>, project: i64, digest: &str) -> Result<Repair> {
    Ok(match registry::relink(&check.on.db, project, digest).await? {
        true => Repair::Done("done"),
        false => Repair::ByHand(LOOK.to_owned()),
    })
}

/// From the bytes, if they are there and right; else as one that is lost.
pub(super) async fn make_blob(check: &Check<'_, '_>, digest: &str) -> Result<Repair> {
    let (on, digest) = (check.on, digest.parse::<Digest>()?);
    let watch = registry::watch(&on.db, &*on.blobs, &digest, on.clock.now()).await?;
    let size = on.blobs.size(&digest).await?;
    if let Some(size) = size
        && verify(&*on.blobs, &digest, size, |_| {}).await?
    {
        registry::find_again(&on.db, &watch, size, on.clock.now()).await?;
        return Ok(Repair::Done("made again from storage"));
    }
    registry::make_lost(&on.db, &digest, on.clock.now()).await?;
    Ok(Repair::NeedsPush("made again, and recorded as lost: the next push brings it back"))
}

async fn bring_manifest(check: &Check<'_, '_>, digest: &str) -> Result<Repair> {
    let digest: Digest = digest.parse()?;
    Ok(match damage::stored_manifest(check, &digest).await? {
        Some(content) => {
            registry::mend_manifest(&check.on.db, &digest, &content).await?;
            Repair::Done("written again from storage")
        }
        None => Repair::ByHand("storage does not have it either: push it again".to_owned()),
    })
}

async fn keep(check: &Check<'_, '_>, digest: &str) -> Result<Repair> {
    Ok(match damage::restore_manifest(check, &digest.parse()?).await? {
        true => Repair::Done("written again from the database"),
        false => Repair::ByHand("the database has it wrong too: push it again".to_owned()),
    })
}
