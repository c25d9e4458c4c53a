lib:
let
  inherit (builtins)
    all
    attrNames
    concatMap
    elem
    isAttrs
    isBool
    isInt
    isList
    isString
    length
    mapAttrs
    ;
  inherit (lib) discharge pushDown;
  dotted = builtins.concatStringsSep ".";
  at = location: definitions: "The option `${dotted location}' has conflicting definition values: ${
    lib.concatMapStringsSep "; " (d: "in `${d.file}': ${builtins.toJSON d.value}") definitions
  }";
  one =
    location: definitions:
    let
      values = map (d: d.value) definitions;
      first = builtins.head values;
    in
    if all (value: value == first) values then first else throw (at location definitions);
  plain = name: description: check: {
    inherit name description check;
    merge = one;
  };
  isPackage = value: lib.isDerivation value || isString value && builtins.substring 0 1 value == "/";
  # Each definition of an attribute set, split by name.
  byName =
    definitions:
    let
      pushed = concatMap (d: map (value: { inherit (d) file; inherit value; }) (pushDown d.value)) definitions;
      names = lib.unique (concatMap (d: attrNames d.value) pushed);
      defs = name: concatMap (d: if d.value ? ${name} then [ { inherit (d) file; value = d.value.${name}; } ] else [ ]) pushed;
    in
    # A name whose definitions are all switched off is not there.
    lib.genAttrs (builtins.filter (name: discharge (defs name) != [ ]) names) (name: discharge (defs name));
  checked =
    type: location: definitions:
    let
      wrong = builtins.filter (d: !type.check d.value) definitions;
    in
    if wrong == [ ] then
      type.merge location definitions
    else
      throw "A definition for option `${dotted location}' is not of type `${type.description}'. Definition values: ${
        lib.concatMapStringsSep "; " (d: "in `${d.file}': ${builtins.toJSON d.value}") wrong
      }";
  between = low: high: plain "intBetween" "integer between ${toString low} and ${toString high} (both inclusive)" (
    value: isInt value && value >= low && value <= high
  );
  types = rec {
    raw = plain "raw" "raw value" (_: true);
    unspecified = plain "unspecified" "unspecified value" (_: true);
    bool = plain "bool" "boolean" isBool;
    int = plain "int" "signed integer" isInt;
    float = plain "float" "floating point number" builtins.isFloat;
    ints = {
      inherit between;
      unsigned = plain "unsignedInt" "unsigned integer, meaning >=0" (value: isInt value && value >= 0);
      positive = plain "positiveInt" "positive integer, meaning >0" (value: isInt value && value > 0);
    };
    port = (between 0 65535) // {
      description = "16 bit unsigned integer; between 0 and 65535 (both inclusive)";
    };
    str = plain "str" "string" isString;
    singleLineStr = plain "singleLineStr" "(optionally newline-terminated) single-line string" (
      value: isString value && builtins.match "[^\n\r]*\n?" value != null
    );
    nonEmptyStr = plain "nonEmptyStr" "non-empty string" (value: isString value && builtins.match "[[:space:]]*" value == null);
    strMatching =
      pattern: plain "strMatching" "string matching the pattern ${pattern}" (value: isString value && builtins.match pattern value != null);
    separatedString = separator: {
      name = "separatedString";
      description = "strings concatenated with ${builtins.toJSON separator}";
      check = isString;
      merge = _: definitions: builtins.concatStringsSep separator (map (d: d.value) definitions);
    };
    lines = separatedString "\n" // {
      name = "lines";
      description = "strings concatenated with \"\\n\"";
    };
    commas = separatedString ",";
    path = plain "path" "absolute path" (
      value: builtins.isPath value || (isString value || isAttrs value) && builtins.substring 0 1 (toString value) == "/"
    );
    package = plain "package" "package" isPackage;
    pathInStore = path;
    enum = values: plain "enum" "one of ${lib.concatMapStringsSep ", " builtins.toJSON values}" (value: elem value values);
    attrs = {
      name = "attrs";
      description = "attribute set";
      check = isAttrs;
      empty = { };
      merge = _: builtins.foldl' (sum: d: sum // d.value) { };
    };
    anything = {
      name = "anything";
      description = "anything";
      check = _: true;
      merge =
        location: definitions:
        let
          values = map (d: d.value) definitions;
        in
        if all isAttrs values && !lib.any lib.isDerivation values then
          (lazyAttrsOf anything).merge location definitions
        else if all isList values then
          builtins.concatLists values
        else
          one location definitions;
    };
    deferredModule = {
      name = "deferredModule";
      description = "module";
      check = value: isAttrs value || builtins.isFunction value || path.check value;
      merge = _: definitions: { imports = map (d: d.value) definitions; };
    };
    nullOr = type: {
      name = "nullOr";
      description = "null or ${type.description}";
      check = value: value == null || type.check value;
      merge =
        location: definitions:
        if all (d: d.value == null) definitions then
          null
        else if lib.any (d: d.value == null) definitions then
          throw "The option `${dotted location}' is defined both null and not null."
        else
          type.merge location definitions;
      inner = type;
    };
    listOf = type: {
      name = "listOf";
      description = "list of ${type.description}";
      check = isList;
      empty = [ ];
      merge =
        location: definitions:
        concatMap (
          d:
          lib.imap1 (
            n: value: checked type (location ++ [ "[definition ${toString n}]" ]) (discharge [ { inherit (d) file; inherit value; } ])
          ) d.value
        ) definitions;
      inner = type;
    };
    nonEmptyListOf = type: listOf type // { check = value: isList value && value != [ ]; description = "non-empty list of ${type.description}"; };
    attrsOf = type: {
      name = "attrsOf";
      description = "attribute set of ${type.description}";
      check = isAttrs;
      empty = { };
      merge = location: definitions: mapAttrs (name: checked type (location ++ [ name ])) (byName definitions);
      inner = type;
    };
    lazyAttrsOf = attrsOf;
    uniq = type: type;
    addCheck = type: check: type // { check = value: type.check value && check value; };
    either = first: second: {
      name = "either";
      description = "${first.description} or ${second.description}";
      check = value: first.check value || second.check value;
      merge =
        location: definitions:
        if all (d: first.check d.value) definitions then
          first.merge location definitions
        else if all (d: second.check d.value) definitions then
          second.merge location definitions
        else
          one location definitions;
    };
    oneOf = list: builtins.foldl' either (builtins.head list) (builtins.tail list);
    coercedTo = from: convert: to: {
      name = "coercedTo";
      description = "${to.description} or ${from.description} convertible to it";
      check = value: from.check value && to.check (convert value) || to.check value;
      merge =
        location: definitions:
        to.merge location (map (d: d // { value = if from.check d.value then convert d.value else d.value; }) definitions);
    };
    submodule = module: submoduleWith { modules = lib.toList module; };
    submoduleWith =
      {
        modules,
        specialArgs ? { },
        ...
      }:
      let
        evaluate =
          location: definitions:
          lib.evalModules {
            inherit specialArgs;
            prefix = location;
            modules =
              map (m: if builtins.isFunction m then (args: m (args // { name = lib.last location; })) else m) modules
              ++ map (d: if isAttrs d.value then { _file = d.file; config = d.value; } else d.value) definitions;
          };
      in
      {
        name = "submodule";
        description = "submodule";
        check = value: isAttrs value || builtins.isFunction value || builtins.isPath value;
        empty = { };
        merge = location: definitions: (evaluate location definitions).config;
        subOptions = location: (evaluate location [ ]).options;
      };
  };
in
types
