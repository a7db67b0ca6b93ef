//! Prints the table. Each service runs in a process of its own.

use services::{HEAD, SERVICES};
use std::error::Error;
use std::process::{Command, Stdio};

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(name) = std::env::args().nth(1) {
        let service = SERVICES.iter().find(|service| service.name == name);
        println!("{}", service.ok_or("there is no such service")?.row()?);
        return Ok(());
    }
    println!("{HEAD}");
    for service in &SERVICES {
        let mut child = Command::new(std::env::current_exe()?);
        let output = child.arg(service.name).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{}: {}", service.name, output.status).into());
        }
        print!("{}", String::from_utf8(output.stdout)?);
    }
    Ok(())
}
