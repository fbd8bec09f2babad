# tests/data/serum/parameters.tsv -> the rows of a build that shows N parameters, spelled as such builds are:
#   273  no parameter added later, the alternative names where there are any, and the shorter menus of its day
#   299  a blank before the number: "Env 1 Atk"
#   316  the sheet
#   349  units as labels (so that a host may call it env1_atk_ms), underscores for blanks, 33 unknown parameters between
# A synced parameter names its switch by its place in the sheet, which no build moves: what is added stands behind it.
BEGIN {
	FS = "\t"
	last = N == 273 || N == 299 ? N : 316
	menus["Fil Type"] = menus["FX Fil Type"] = 96
	menus["Dist_Mode"] = 14
}
/^#/ || row >= last { next }
{
	name = $1
	choices = $7
	if (N == 273) {
		if ($2 != "") name = $2
		if ($1 in menus) {
			n = split(choices, choice, "|")
			choices = choice[1]
			for (i = 2; i <= n && i <= menus[$1]; i++) choices = choices "|" choice[i]
		}
	}
	if (N == 299 && match(name, /^(Env|LFO|Mod)[0-9]/)) name = substr(name, 1, 3) " " substr(name, 4)
	if (N == 349) {
		gsub(/ /, "_", name)
		if ($1 == "LFO Bus 1")
			for (i = 1; i <= 33; i++) print "{\"Unknown_" i "\", 0.5f, \"linear 0 1\", \"\", -1, \"\"},"
	}
	synced = $6 == "always" ? row : $6 == "" ? -1 : $6
	print "{\"" name "\", " sprintf("%.6ff", $3) ", \"" $4 "\", \"" $5 "\", " synced ", \"" choices "\"},"
	row++
}
