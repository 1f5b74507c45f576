#!/usr/bin/env bash
# Renders the HTML report in a browser, 1280 and 390 pixels wide, light and dark, and takes screenshots. Checks that
# nothing overflows the page, nothing is fetched, and the console is empty.
#
#   tests/report_screenshots.sh [FOLDER]
#
# Needs Chromium (Debian: apt-get install chromium); skipped without it.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-target/report_screenshots}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then
    echo "SKIPPED: chromium not found (Debian: apt-get install chromium)"
    exit 0
fi
cargo build --quiet -p repass-cli
repass=${CARGO_TARGET_DIR:-$PWD/target}/debug/repass
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
sandbox=
trap 'if [ -n "$sandbox" ]; then kill "$sandbox"; fi; rm -rf "$work"' EXIT
cd "$work"

# A run with a row of every status, and a user name that contains markup.
"$repass" sandbox --users 400 --write-config repass.toml > sandbox.json 2> sandbox.log &
sandbox=$!
until [ -s sandbox.json ]; do sleep 0.1; done
faults=$(grep -o '"faults_url":"[^"]*"' sandbox.json | cut -d'"' -f4)
for n in 000012 000013; do
    exec 3<>"/dev/tcp/127.0.0.1/$(sed -E 's|.*:([0-9]+)/.*|\1|' <<< "$faults")"
    body="{\"match\":{\"user\":\"user$n@example.com\",\"times\":1},\"action\":{\"when\":\"after-apply\",\"cut\":{\"at\":\"answer\",\"how\":\"rst\"}}}"
    printf 'POST /_sandbox/faults HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s' "${#body}" "$body" >&3
    cat <&3 > /dev/null
    exec 3>&-
done
{
    echo user
    seq -f 'user%06g@example.com' 1 20
    printf '%s\n' nobody@example.com owner@example.com sso@example.com user000003@example.com \
        'two words@example.com' '<i>name&co@example.com' \
        a-user-with-a-very-long-name-that-does-not-fit-on-a-narrow-screen-at-all@a-department.example.com
    seq -f 'user%06g@example.com' 21 400
} > users.csv
recipient=age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
"$repass" bulk run users.csv --generate --secrets-out secrets.age --recipient "$recipient" --run breach \
    --canary 200 --no-input --quiet || true
"$repass" --quiet bulk report breach --html report.html || true
grep -q '&lt;i&gt;name&amp;co@' report.html

chromium() {
    "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --host-resolver-rules='MAP * ~NOTFOUND' --hide-scrollbars --user-data-dir="$(mktemp -d -p "$work")" \
        --allow-file-access-from-files "$@" 2>> "$work/browser.log"
}

failed=0
for width in 1280 390; do
    for scheme in light dark; do
        dark=()
        if [ $scheme = dark ]; then dark=(--force-dark-mode); fi
        shot="$out/report-$width-$scheme.png"
        chromium "${dark[@]}" --window-size=$width,2400 --enable-logging=stderr --screenshot="$shot" \
            "file://$work/report.html" > /dev/null
        [ -s "$shot" ] || { echo "failed: no screenshot at $width pixels"; failed=1; }
    done
    # An iframe of this width, measured from outside, since the page itself runs no script.
    cat > measure.html <<END
<!doctype html><iframe id="it" src="report.html" style="border:0;width:${width}px;height:2400px"></iframe>
<script>onload = () => {
    const { contentDocument: page, contentWindow: frame } = it;
    const fetched = frame.performance.getEntriesByType('resource').length + page.scripts.length;
    document.body.textContent = \`width=\${page.documentElement.scrollWidth} fetched=\${fetched}\`;
};</script>
END
    measured=$(chromium --window-size=1600,2600 --dump-dom "file://$work/measure.html" | grep -oE 'width=[0-9]+ fetched=[0-9]+' || true)
    echo "$width pixels: $measured"
    if [ "$measured" != "width=$width fetched=0" ]; then
        echo "failed: the page overflows $width pixels, or fetches something"
        failed=1
    fi
done
if grep -E 'CONSOLE' "$work/browser.log"; then
    echo "failed: the browser console is not empty"
    failed=1
fi
echo "screenshots: $out"
exit $failed
