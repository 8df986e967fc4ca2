// Asks for the state of an experiment every two seconds, and for its figures when more runs are finished.
(() => {
  const address = document.body.dataset.address;
  const at = (id) => document.getElementById(id);
  let figuresDone = -1;
  let isAsking = false;

  async function ask(name) {
    const answer = await fetch(`/.live/${address}/${name}.json`);
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  function duration(seconds) {
    const whole = Math.round(seconds);
    return whole < 100 ? `${whole} s` : whole < 7200 ? `${Math.floor(whole / 60)} min` : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  }

  function showState(status) {
    const counts = [`${status.done} of ${status.total} runs done`];
    if (status.diverged) counts.push(`${status.diverged} diverged`);
    if (status.running) counts.push(`${status.running} in training`);
    if (status.waiting) counts.push(`${status.waiting} waiting`);
    if (status.failed.length) counts.push(`${status.failed.length} failed`);
    if (status.left !== undefined) counts.push(`about ${duration(status.left)} left`);
    if (!status.running && status.done < status.total) counts.push("no process trains it now");
    at("state").textContent = counts.join(", ") + ".";
    const faults = [...status.failed.map((text) => `Failed: ${text}`), ...status.warnings.map((text) => `Warning: ${text}`)];
    at("fault").textContent = faults.join(" ");
    at("fault").hidden = faults.length === 0;
  }

  function showRuns(status) {
    const row = (run, hasEnd) => {
      const row = document.createElement("tr");
      const head = figures.addHTML(row, "th", "left", run.label);
      head.scope = "row";
      figures.addHTML(row, "td", "left", run.state);
      figures.addHTML(row, "td", "right", `${Math.round(100 * run.share)} %`);
      figures.addHTML(row, "td", "right", run.loss === undefined ? "" : figures.text(run.loss));
      const end = run.final?.map((loss) => figures.text(loss));
      if (hasEnd) figures.addHTML(row, "td", "left", end ? `${end[0]} [${end[1]} … ${end[2]}]` : "");
      return row;
    };
    const now = status.runs.filter((run) => run.state === "training" || run.state === "failed");
    at("now").hidden = now.length === 0;
    at("training").replaceChildren(...now.map((run) => row(run, true)));
    at("runs").replaceChildren(...status.runs.map((run) => row(run, false)));
  }

  function showCurves(status) {
    const section = at("curves");
    if (!status.curves) return;
    section.hidden = false;
    figures.show(section.querySelector(".drawing"), status.curves.data);
    section.querySelector("figcaption").textContent = status.curves.caption;
  }

  // Keeps the elements of figures that are there already, so that what a reader has changed stays.
  function showFigures(answer) {
    at("title").textContent = answer.title;
    at("facts").replaceChildren(
      ...answer.facts.map((fact) => {
        const element = document.createElement("div");
        figures.addHTML(element, "dt", "", fact.name);
        figures.addHTML(element, "dd", "", fact.value);
        figures.addHTML(element, "dd", "note", fact.note);
        return element;
      }));
    const section = at("figures");
    section.hidden = false;
    at("basis").textContent = `From ${answer.done} finished runs. Intervals are from fewer bootstrap samples than those of the report.`;
    const names = new Set(answer.figures.map((figure) => `figure-${figure.name}`));
    for (const old of section.querySelectorAll("figure")) if (!names.has(old.id)) old.remove();
    for (const figure of answer.figures) {
      let element = at(`figure-${figure.name}`);
      if (!element) {
        element = figures.addHTML(section, "figure");
        element.id = `figure-${figure.name}`;
        figures.addHTML(element, "div", "drawing");
        figures.addHTML(element, "figcaption");
      }
      section.append(element);
      figures.show(element.firstChild, figure.data);
      element.lastChild.replaceChildren();
      figures.addHTML(element.lastChild, "b", "", `${figure.title}. `);
      element.lastChild.append(figure.caption);
    }
  }

  async function update() {
    // A page that nobody sees takes no time from the training.
    if (document.hidden) return setTimeout(update, 2000);
    try {
      const status = await ask("status");
      showState(status);
      showRuns(status);
      showCurves(status);
      // Fits may take longer than the next question for the state.
      if (status.done !== figuresDone && status.done >= 3 && !isAsking) {
        isAsking = true;
        ask("figures")
          .then((answer) => {
            figuresDone = answer.done;
            showFigures(answer);
          })
          .catch((error) => {
            figuresDone = status.done;
            at("figures").hidden = false;
            at("basis").textContent = `No fits: ${error.message}`;
          })
          .finally(() => (isAsking = false));
      }
      const isOver = status.done === status.total && figuresDone === status.done;
      setTimeout(update, isOver ? 20000 : 2000);
    } catch (error) {
      at("state").textContent = `No answer: ${error.message}. Asking again …`;
      setTimeout(update, 5000);
    }
  }
  update();
})();
