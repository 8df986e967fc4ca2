"""Reads the pages of `isoflop serve` in Chromium while an experiment trains.

    pages.py ADDRESS EXPERIMENT [FOLDER]     # with a folder, pictures of the pages are written into it
"""

import json
import sys
import time

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

address, name = sys.argv[1].rstrip("/"), sys.argv[2]
pictures = sys.argv[3] if len(sys.argv) > 3 else None


def browser(has_script=True):
    options = webdriver.ChromeOptions()
    for flag in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not has_script:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.binary_location = "/usr/bin/chromium"
    # With its path, the library does not look for a driver on the network.
    return webdriver.Chrome(options, Service("/usr/bin/chromedriver"))


def require(truth, text):
    if not truth:
        raise SystemExit(f"FAILED: {text}")


def until(condition, text, seconds=240):
    end = time.time() + seconds
    while time.time() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.5)
    raise SystemExit(f"FAILED: {text}")


def check_log(page):
    """No error of a script, and nothing that could not be loaded."""
    faults = [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    faults = [fault for fault in faults if "favicon" not in fault]
    require(not faults, f"{page}: {faults}")


def picture(title):
    if not pictures:
        return
    height = driver.execute_script("return document.documentElement.scrollHeight")
    width = driver.execute_script("return window.innerWidth")
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": min(height, 9000), "deviceScaleFactor": 1, "mobile": False})
    time.sleep(1)
    driver.save_screenshot(f"{pictures}/{title}.png")
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def scroll_through():
    """Figures are drawn when they come into sight."""
    height = driver.execute_script("return document.documentElement.scrollHeight")
    for y in range(0, height + 1000, 700):
        driver.execute_script(f"window.scrollTo(0, {y})")
        time.sleep(0.05)
    until(lambda: driver.execute_script("return [...document.querySelectorAll('figure > .drawing')].every((e) => e.querySelector('.chart svg'))"), "all figures are drawn")


driver = browser()
try:
    # The grid trains: runs end and curves grow without a new request for the page.
    driver.get(f"{address}/.live/{name}")
    done = lambda: int(driver.execute_script("return document.getElementById('state').textContent.match(/^\\d+/)?.[0] ?? '0'"))
    length = lambda: driver.execute_script("return [...document.querySelectorAll('#curves path[stroke-width=\"2\"]')].reduce((sum, path) => sum + path.getAttribute('d').length, 0)")
    until(lambda: length() > 0, "a curve appears")
    first = (done(), length())
    until(lambda: done() > first[0] and length() > first[1], "points appear while the grid trains")
    total = int(driver.execute_script("return document.getElementById('state').textContent.match(/of (\\d+)/)[1]"))
    until(lambda: done() == total, "all runs end")
    until(lambda: driver.execute_script("return document.getElementById('basis').textContent").startswith(f"From {total} "), "the figures show all runs")
    require(len(driver.find_elements(By.CSS_SELECTOR, "#figures figure svg")) > 2, "figures with fits")
    check_log("live")
    picture("live")

    # A report: values, series and scales.
    until(lambda: "report.html" in driver.execute_async_script(f"const end = arguments[0]; fetch('/').then((a) => a.text()).then(end)"), "the report is listed")
    driver.get(f"{address}/{name}/report.html")
    scroll_through()
    for figure in driver.find_elements(By.CSS_SELECTOR, "figure"):
        marks = figure.find_elements(By.CSS_SELECTOR, ".chart g circle, .chart g polygon")
        if marks and figure.find_elements(By.CSS_SELECTOR, ".bar > button"):
            break
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", figure)
    ActionChains(driver).move_to_element(marks[0]).perform()
    tip = figure.find_element(By.CSS_SELECTOR, ".tip")
    require(tip.is_displayed() and any(digit in tip.text for digit in "0123456789"), f"a value is shown: {tip.text!r}")
    shapes = lambda: driver.execute_script("return arguments[0].querySelectorAll('.chart g > *').length", figure)
    before = shapes()
    figure.find_element(By.CSS_SELECTOR, ".bar > button").click()
    require(shapes() < before, "a series is hidden")
    figure.find_element(By.CSS_SELECTOR, ".bar > button").click()
    require(shapes() == before, "a series is shown again")
    labels = lambda: [text.text for text in figure.find_elements(By.CSS_SELECTOR, ".chart text")]
    before = labels()
    scale = figure.find_element(By.CSS_SELECTOR, ".scales button")
    require("logarithmic" in scale.text, "an axis is logarithmic")
    scale.click()
    require("linear" in figure.find_element(By.CSS_SELECTOR, ".scales button").text and labels() != before, "the scale changes")
    check_log("report")
    picture("report")

    # The budget: another size has another loss.
    driver.get(f"{address}/.budget/{name}")
    loss = lambda: driver.execute_script("return document.querySelectorAll('#facts dd')[3]?.textContent")
    until(loss, "a prediction")
    best = driver.execute_script("return document.getElementById('facts').textContent")
    driver.execute_script("const s = document.getElementById('parameters'); s.value = 1; s.dispatchEvent(new Event('input'))")
    until(lambda: driver.execute_script("return document.getElementById('facts').textContent") != best, "another size changes the prediction")
    require(len(driver.find_elements(By.CSS_SELECTOR, "#nearest dd")) >= 4, "the nearest run")
    check_log("budget")
    picture("budget")

    # A telephone: no page is wider than the screen.
    for path, title in [("/", "index"), (f"/.live/{name}", "live"), (f"/{name}/report.html", "report"), (f"/.budget/{name}", "budget")]:
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True})
        driver.get(address + path)
        time.sleep(2)
        if title == "report":
            scroll_through()
        width = driver.execute_script("return document.documentElement.scrollWidth")
        require(width <= 390, f"{title} is {width} pixels wide on a screen of 390")
        check_log(f"{title}, narrow")
        picture(f"{title}-390")
finally:
    driver.quit()

# Without script, a report shows its figures as images.
driver = browser(has_script=False)
try:
    driver.get(f"{address}/{name}/report.html")
    images = driver.find_elements(By.CSS_SELECTOR, ".drawing > svg.wide")
    require(images and all(image.is_displayed() for image in images), "images without script")
finally:
    driver.quit()
print(json.dumps({"runs": total}))
