// Runs a command in a new terminal, and closes the terminal as soon as a file exists:
//
//   hangup FILE COMMAND [ARGUMENT]...
//
// Prints the end of the command: `status N` or `signal N`.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments) {
  if (count < 3) return 2;
  int terminal;
  pid_t child = forkpty(&terminal, NULL, NULL, NULL);
  if (child == 0) {
    execvp(arguments[2], arguments + 2);
    _exit(127);
  }
  fcntl(terminal, F_SETFL, O_NONBLOCK);
  int status = 0, has_ended = 0;
  while (!has_ended && access(arguments[1], F_OK)) {
    char text[4096];
    while (read(terminal, text, sizeof text) > 0);
    usleep(20000);
    has_ended = waitpid(child, &status, WNOHANG) == child;
  }
  usleep(300000);
  close(terminal);
  if (!has_ended) waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) printf("signal %d\n", WTERMSIG(status));
  else printf("status %d\n", WEXITSTATUS(status));
}
