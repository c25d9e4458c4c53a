let
  inherit (builtins)
    concatStringsSep
    genList
    replaceStrings
    stringLength
    substring
    toJSON
    ;
  isPlain = text: builtins.match "[[:alnum:],._+:@%/-]+" text != null;
  stringToCharacters = text: genList (n: substring n 1 text) (stringLength text);
in
rec {
  inherit concatStringsSep stringToCharacters replaceStrings stringLength substring toJSON;
  inherit (builtins) splitVersion;
  concatStrings = concatStringsSep "";
  concatMapStrings = f: list: concatStrings (map f list);
  concatMapStringsSep = separator: f: list: concatStringsSep separator (map f list);
  concatLines = concatMapStrings (line: line + "\n");
  optionalString = condition: text: if condition then text else "";
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    let
      start = stringLength text - stringLength suffix;
    in
    start >= 0 && substring start (stringLength suffix) text == suffix;
  removePrefix =
    prefix: text:
    if hasPrefix prefix text then substring (stringLength prefix) (stringLength text) text else text;
  removeSuffix =
    suffix: text:
    if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
  hasInfix = infix: text: builtins.length (splitString infix text) > 1;
  escapeRegex = escape (stringToCharacters "\\[{()^$?*+|.");
  escape = characters: replaceStrings characters (map (character: "\\" + character) characters);
  splitString =
    separator: text:
    builtins.filter builtins.isString (builtins.split (escapeRegex (toString separator)) (toString text));
  escapeShellArg = value: let text = toString value; in if isPlain text then text else "'${replaceStrings [ "'" ] [ "'\\''" ] text}'";
  escapeShellArgs = concatMapStringsSep " " escapeShellArg;
  toLower = replaceStrings (stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ") (
    stringToCharacters "abcdefghijklmnopqrstuvwxyz"
  );
  escapeXML = replaceStrings [ "\"" "'" "<" ">" "&" ] [ "&quot;" "&apos;" "&lt;" "&gt;" "&amp;" ];
  fixedWidthNumber =
    width: number:
    let
      text = toString number;
    in
    concatStrings (genList (_: "0") (width - stringLength text)) + text;
  toHexString =
    let
      digit = n: substring n 1 "0123456789ABCDEF";
      go = n: if n < 16 then digit n else go (n / 16) + digit (n - (n / 16) * 16);
    in
    go;
}
