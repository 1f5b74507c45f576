//! A browser, as far as this example needs one.

use std::io;

use axum::Router;
use axum::http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Serves the router at a port of its own, and sends it a form.
pub(crate) async fn ask(router: Router, user: &str, form: &str) -> io::Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    tokio::spawn(async { axum::serve(listener, router).await });
    let request = format!(
        "POST /users/{user}/password HTTP/1.1\r\nhost: me\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    client.write_all(request.as_bytes()).await?;
    Ok(client)
}

/// Its answer.
pub(crate) async fn answer(mut client: TcpStream) -> io::Result<(StatusCode, String)> {
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.to_owned()))
}
