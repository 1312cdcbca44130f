//! tokio as its users write it: a task for each connection that reads and writes back. One loop is
//! the current-thread runtime, its faster one; several are workers that steal from each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

const READ_BUFFER_BYTES: usize = 64 * 1024;

struct Arguments {
    port: u16,
    loops: usize,
    service: Service,
}

/// What each connection gets: its bytes back, or, when there are requests, the fixed reply to each.
#[derive(Clone)]
struct Service {
    work: Duration,
    request_bytes: usize,
    reply: Arc<[u8]>,
}

fn parse_arguments() -> Arguments {
    let mut arguments = Arguments {
        port: 0,
        loops: 1,
        service: Service {
            work: Duration::ZERO,
            request_bytes: 0,
            reply: Arc::new([]),
        },
    };
    for text in std::env::args().skip(1) {
        let (name, value) = text.split_once('=').expect("flags look like --name=value");
        match name {
            "--port" => arguments.port = value.parse().expect("--port"),
            "--loops" => arguments.loops = value.parse().expect("--loops"),
            "--work_us" => {
                arguments.service.work = Duration::from_micros(value.parse().expect("--work_us"))
            }
            "--request_bytes" => {
                arguments.service.request_bytes = value.parse().expect("--request_bytes")
            }
            "--reply_bytes" => {
                let size: usize = value.parse().expect("--reply_bytes");
                arguments.service.reply = (0..size).map(|i| (i % 251) as u8).collect()
            }
            _ => panic!("unknown flag {name}"),
        }
    }
    arguments
}

fn new_runtime(loops: usize) -> std::io::Result<Runtime> {
    if loops == 1 {
        Builder::new_current_thread().enable_io().build()
    } else {
        Builder::new_multi_thread()
            .worker_threads(loops)
            .enable_io()
            .build()
    }
}

async fn serve(mut stream: TcpStream, work: Duration) {
    // Reserved, not zeroed: memory that is never read into is never touched.
    let mut buffer = Vec::with_capacity(READ_BUFFER_BYTES);
    loop {
        buffer.clear();
        if matches!(stream.read_buf(&mut buffer).await, Ok(0) | Err(_)) {
            return;
        }
        if !work.is_zero() {
            let begin = Instant::now();
            while begin.elapsed() < work {}
        }
        if stream.write_all(&buffer).await.is_err() {
            return;
        }
    }
}

async fn answer(stream: TcpStream, service: Service) {
    let mut stream = BufReader::with_capacity(READ_BUFFER_BYTES, stream);
    let mut request = vec![0; service.request_bytes];
    loop {
        if stream.read_exact(&mut request).await.is_err() {
            return;
        }
        if stream.write_all(&service.reply).await.is_err() {
            return;
        }
    }
}

async fn accept(listener: TcpListener, service: Service) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        if service.request_bytes > 0 {
            tokio::spawn(answer(stream, service.clone()));
        } else {
            tokio::spawn(serve(stream, service.work));
        }
    }
}

fn main() -> std::io::Result<()> {
    let arguments = parse_arguments();
    new_runtime(arguments.loops)?.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await?;
        println!("listening on tcp://{}", listener.local_addr()?);
        tokio::spawn(accept(listener, arguments.service))
            .await
            .expect("the accepting task")
    })
}
