//! What Azure has otherwise than S3: parts that belong to a key, and copies that may take their time.

use http::Method;

use super::super::connect::connect_by;
use super::*;

/// The container of the tests, if this run has one.
fn container() -> Option<Options> {
    bucket().filter(|bucket| bucket.service == Service::Azure)
}

/// A way on which every copy is said to be under way, so often that somebody looks.
#[derive(Clone, Debug)]
struct Slow {
    looks: usize,
    left: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct SlowClient(HttpClient, Slow);

impl HttpConnector for Slow {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(SlowClient(ReqwestConnector::default().connect(options)?, self.clone())))
    }
}

#[async_trait]
impl HttpService for SlowClient {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let Self(client, Slow { looks, left }) = self;
        let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
        if request.headers().contains_key("x-ms-copy-source") {
            left.store(*looks, Ordering::SeqCst);
        }
        let mut answer = client.execute(request).await?;
        if is_look && left.load(Ordering::SeqCst) > 0 {
            left.fetch_sub(1, Ordering::SeqCst);
            answer.headers_mut().insert("x-ms-copy-status", "pending".parse().unwrap());
        }
        Ok(answer)
    }
}

fn slow(options: &Options, looks: usize) -> ObjectStorage {
    let way = Slow { looks, left: Arc::default() };
    let bucket = connect_by(options, Arc::new(way)).unwrap();
    ObjectStorage { bucket, ..ObjectStorage::open(options).unwrap() }
}

/// The state of an upload with parts, all of these bytes.
async fn received(store: &ObjectStorage, id: &str, bytes: &Bytes) -> Upload {
    let mut upload = begin(store, id).await;
    store.append(&mut upload, body(bytes, 100_000), None).await.unwrap();
    resumed(&upload)
}

/// What the service says of the parts at the key of an upload.
async fn blocks(store: &ObjectStorage, id: &str) -> (u16, String) {
    let (key, signer) = (store.keys.whole(id).unwrap(), store.bucket.signer.as_ref().unwrap());
    let url = signer.signed_url(Method::GET, &key, Duration::from_secs(60)).await.unwrap();
    let answer = reqwest::get(format!("{url}&comp=blocklist&blocklisttype=all")).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_copy_that_is_under_way_is_waited_for() {
    let Some(mut options) = container() else { return };
    let bytes = content(50, 20 * MEBIBYTE);
    let digest = Digest::sha256(&bytes);
    let upload = received(&slow(&options, 4), "waits", &bytes).await;
    slow(&options, 4).commit(upload, &digest).await.unwrap();
    assert!(whole(&slow(&options, 0), &digest, bytes.len()).await == bytes);
    options.root.push_str("-later");
    options.patience.give_up = Duration::from_millis(300);
    let store = slow(&options, usize::MAX);
    let upload = received(&store, "later", &bytes).await;
    assert_eq!(store.commit(upload.clone(), &digest).await.unwrap_err().kind, Kind::Unavailable);
    assert_eq!(store.size(&digest).await.unwrap(), None, "what may come to nothing is no blob");
    let later = slow(&options, 0);
    assert!(!litter(&later).await.is_empty(), "the copy may still need its source");
    later.commit(upload, &digest).await.unwrap();
    assert_eq!(litter(&later).await.len(), 0);
}

#[tokio::test]
async fn parts_that_nobody_needs_do_not_stay_for_a_week() {
    let Some(options) = container() else { return };
    let store = ObjectStorage::open(&options).unwrap();
    let bytes = content(51, 20 * MEBIBYTE);
    for id in ["aborted", "abandoned"] {
        received(&store, id, &bytes).await;
        let (status, told) = blocks(&store, id).await;
        assert_eq!(status, 200, "{told}");
        assert_eq!(told.matches("<Block>").count(), 2, "{told}");
    }
    store.abort("aborted").await.unwrap();
    assert_eq!(store.sweep(Duration::ZERO, &HashSet::new()).await.unwrap(), 1);
    for id in ["aborted", "abandoned"] {
        assert_eq!(blocks(&store, id).await.0, 404);
    }
    assert_eq!(litter(&store).await.len(), 0);
}

#[tokio::test]
async fn parts_that_are_gone_end_the_upload() {
    let Some(options) = container() else { return };
    let store = ObjectStorage::open(&options).unwrap();
    let bytes = content(52, 20 * MEBIBYTE);
    let upload = received(&store, "gone", &bytes).await;
    // As after a week.
    let key = store.keys.whole("gone").unwrap();
    store.bucket.multiparts.complete_multipart(&key, &String::new(), Vec::new()).await.unwrap();
    store.remove(&key).await.unwrap();
    assert_eq!(store.commit(upload, &Digest::sha256(&bytes)).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn uploads_of_one_blob_do_not_mix_their_parts() {
    let Some(options) = container() else { return };
    let store = ObjectStorage::open(&options).unwrap();
    let bytes = content(53, 20 * MEBIBYTE);
    let digest = Digest::sha256(&bytes);
    let push = async |id: &str, known: bool| {
        let mut upload = begin(&store, id).await;
        if known {
            upload.expect(&digest);
        }
        store.append(&mut upload, body(&bytes, 100_000), None).await.unwrap();
        store.commit(resumed(&upload), &digest).await.unwrap();
    };
    tokio::join!(push("one", true), push("two", true), push("three", false));
    assert!(whole(&store, &digest, bytes.len()).await == bytes);
    assert_eq!(litter(&store).await.len(), 0);
}
