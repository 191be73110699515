# shellcheck shell=bash disable=SC2154 # results: by run.sh
#
# The figures of run.sh as a picture and as Markdown.

# One bar for each shape: the ratio of tenant_guard, the small tenant and the whale, simple protocol.
draw() {
	awk -F, '$3 == "simple" && $4 != "hand" { key = $1 "," $2; if (!(key in seen)) { seen[key] = ++n; name[n] = $1 " (" $2 ")" } ratio[seen[key], $4] = $6 }
		function x(r) { return 190 + 100 * log(r < 0.5 ? 0.5 : r > 10000 ? 10000 : r) / log(10) + 30 }
		END {
			print "<!-- made by bench/run.sh -->"
			printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"660\" height=\"%d\" font-family=\"sans-serif\" font-size=\"11\">\n", n * 16 + 50
			printf "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/><text x=\"8\" y=\"14\">time, in times of the hand-written query (logarithmic): <tspan fill=\"#1b7f3b\">tenant_guard</tspan>, <tspan fill=\"#d62728\">current_setting</tspan>, <tspan fill=\"#ff9f1c\">(SELECT current_setting)</tspan></text>\n"
			for (r = 1; r <= 10000; r *= 10) printf "<line x1=\"%d\" x2=\"%d\" y1=\"22\" y2=\"%d\" stroke=\"#ccc\"/><text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", x(r), x(r), n * 16 + 28, x(r), n * 16 + 42, r
			for (i = 1; i <= n; i++) {
				y = 14 + i * 16
				printf "<text x=\"8\" y=\"%d\">%s</text><circle cx=\"%.1f\" cy=\"%d\" r=\"4\" fill=\"#d62728\"><title>current_setting: %s</title></circle><circle cx=\"%.1f\" cy=\"%d\" r=\"4\" fill=\"#ff9f1c\"><title>(SELECT current_setting): %s</title></circle><circle cx=\"%.1f\" cy=\"%d\" r=\"4\" fill=\"#1b7f3b\"><title>tenant_guard: %s</title></circle>\n", \
					y + 4, name[i], x(ratio[i, "setting"]), y, ratio[i, "setting"], x(ratio[i, "subselect"]), y, ratio[i, "subselect"], x(ratio[i, "guarded"]), y, ratio[i, "guarded"]
			}
			print "</svg>"
		}' "$results/results.csv" >"$results/results.svg"
}

tabulate() {
	awk -F, 'NR == 1 { print "| query | tenant | protocol | by hand, ms | current_setting | (SELECT current_setting) | tenant_guard | to the better of both |\n|---|---|---|---|---|---|---|---|" }
		$4 == "hand" { hand = $5 } $4 == "setting" { setting = $6 } $4 == "subselect" { subselect = $6 }
		$4 == "guarded" { printf "| %s | %s | %s | %.3f | %.2f | %.2f | **%.2f** | **%.2f** |\n", $1, $2, $3, hand, setting, subselect, $6, $8 }' "$results/results.csv" >"$results/results.md"
}

# What the goal of docs/performance.md is, and what is above it.
goals() {
	{ grep -v ',guarded,' "$results/results.csv"; grep ',guarded,' "$results/results.csv" | sort -t, -g -k 8,8; } | awk -F, '
		$4 != "guarded" { if (!(($1, $2, $3) in best) || $5 < best[$1, $2, $3]) best[$1, $2, $3] = $5; next }
		$4 == "guarded" { n++; cell[n] = $1 "," $2 "," $3; ratio[n] = $8; if ($7 != "same" && !(($1, $2) in unlike)) { unlike[$1, $2]; other++ } }
		END {
			for (i = 1; i <= n; i++) {
				split(cell[i], c, ",")
				ms = best[c[1], c[2], c[3]]
				if (ratio[i] > (ms < 0.2 ? 1.10 : 1.05)) { above++; text = text sprintf("  %s, %s, %s: %.2f of %.3f ms\n", c[1], c[2], c[3], ratio[i], ms) }
			}
			printf "%d ratios to the better of both, median %.2f; %d above the goal (1.05, and 1.10 below 0.2 ms); %d of %d plans are not the hand-written one'"'"'s\n%s", n, (ratio[int((n + 1) / 2)] + ratio[int(n / 2) + 1]) / 2, above, other, n / 2, text
		}' | tee "$results/goals.txt"
}
