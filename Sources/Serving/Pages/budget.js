// Asks for the prediction of a budget and a size when a slider moves.
(() => {
  const address = document.body.dataset.address;
  const at = (id) => document.getElementById(id);
  // The best size for the budget; the slider of sizes is relative to it.
  let best = null;
  let asked = 0;

  function show(list, facts) {
    list.replaceChildren(
      ...facts.map((fact) => {
        const element = document.createElement("div");
        figures.addHTML(element, "dt", "", fact.name);
        figures.addHTML(element, "dd", "", fact.value === undefined ? "—" : figures.text(fact.value));
        if (fact.interval) figures.addHTML(element, "dd", "note", `95 % interval ${figures.text(fact.interval[0])} … ${figures.text(fact.interval[1])}`);
        return element;
      }));
  }

  async function update(isNewBudget) {
    const number = ++asked;
    const flops = 10 ** Number(at("flops").value);
    at("flops-text").textContent = figures.text(flops, 3);
    const ask = async (query) => {
      const answer = await fetch(`/.budget/${address}/split.json?${new URLSearchParams(query)}`);
      if (!answer.ok) throw new Error(await answer.text());
      return answer.json();
    };
    try {
      if (isNewBudget || best === null) best = (await ask({ flops })).parameters;
      const parameters = best * 10 ** Number(at("parameters").value);
      const split = await ask({ flops, parameters });
      // A later question may have been answered before.
      if (number !== asked) return;
      at("parameters-text").textContent = figures.text(parameters, 3);
      show(at("facts"), split.facts);
      show(at("nearest"), split.nearest ?? []);
      at("fault").textContent = split.warning ? `Warning: ${split.warning}.` : "";
      at("fault").hidden = !split.warning;
      figures.show(document.querySelector(".drawing"), split.figure);
    } catch (error) {
      at("fault").textContent = error.message;
      at("fault").hidden = false;
    }
  }

  at("flops").addEventListener("input", () => update(true));
  at("parameters").addEventListener("input", () => update(false));
  at("best").addEventListener("click", () => {
    at("parameters").value = 0;
    update(false);
  });
  update(true);
})();
