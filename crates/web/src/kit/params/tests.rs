//! Parameters by table: what is read, and how each problem is told.

use super::*;

fn problem(raw: &str, read: impl Fn(&mut Params)) -> String {
    let mut params = Params::parse(raw).unwrap();
    read(&mut params);
    match params.finish() {
        Ok(()) => "fine".to_owned(),
        Err(ApiError(error)) => format!("{:?} {}", error.code, error.message),
    }
}

#[test]
fn empty_is_absent_and_the_last_value_counts() {
    let params = Params::parse("name=&q=a&q=b&tag=x&tag=&tag=y").unwrap();
    assert_eq!(params.text("name"), None);
    assert_eq!(params.text("missing"), None);
    assert_eq!(params.text("q").as_deref(), Some("b"));
    assert_eq!(params.all("tag"), ["x", "y"]);
}

#[test]
fn every_problem_is_told_at_once() {
    let told = problem("q=&page=x&public=perhaps&scope=moon", |p| {
        p.required("q");
        p.integer("page");
        p.boolean("public", false);
        p.one_of("scope", &["project", "system"]);
        p.problems().required("X-Scan-Data-Type", "header");
    });
    assert_eq!(
        told,
        "Unprocessable validation failure list:\n\
         q in query is required\n\
         page in query must be of type int64: \"x\"\n\
         public in query must be of type bool: \"perhaps\"\n\
         scope in query should be one of [project system]\n\
         X-Scan-Data-Type in header is required"
    );
}

#[test]
fn booleans_have_many_spellings() {
    for (raw, want) in
        [("a=1", true), ("a=True", true), ("a=0", false), ("a=no", false), ("a=", true), ("", true)]
    {
        assert_eq!(Params::parse(raw).unwrap().boolean("a", true), want, "{raw}");
    }
}

#[test]
fn pages_have_defaults_and_limits() {
    let table = [
        ("", 1, 10, "fine"),
        ("page=3&page_size=100", 3, 100, "fine"),
        ("page=0&page_size=0", 1, 10_000, "fine"),
        ("page=-4&page_size=-1", 1, 10_000, "fine"),
        ("page=7&page_size=0", 1, 10_000, "fine"),
        ("page=&page_size=", 1, 10, "fine"),
    ];
    for (raw, number, size, want) in table {
        let mut params = Params::parse(raw).unwrap();
        let page = params.list().page;
        assert_eq!((page.number, page.size), (number, size), "{raw}");
        assert_eq!(problem(raw, |p| drop(p.list())), want, "{raw}");
    }
    let too_many = "Unprocessable validation failure list:\n\
                    page_size in query should be less than or equal to 100";
    assert_eq!(problem("page_size=101", |p| drop(p.list())), too_many);
    assert_eq!(problem("page_size=101", |p| drop(p.list_up_to(None))), "fine");
}

#[test]
fn a_bad_filter_is_400_and_problems_come_first() {
    let filter = problem("q=nonsense", |p| drop(p.list()));
    assert!(filter.starts_with("BadRequest the query string must contain"), "{filter}");
    let both = problem("q=nonsense&page=x", |p| drop(p.list()));
    assert!(both.starts_with("Unprocessable"), "{both}");
}
