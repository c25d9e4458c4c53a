lib:
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    foldl'
    functionArgs
    isAttrs
    isFunction
    mapAttrs
    ;
  inherit (lib)
    discharge
    pushDown
    recursiveUpdate
    setAttrByPath
    typeOf
    ;
  dotted = builtins.concatStringsSep ".";
  isPathLike = value: builtins.isPath value || (builtins.isString value && builtins.substring 0 1 value == "/");
  structure = [
    "_class"
    "_file"
    "config"
    "disabledModules"
    "freeformType"
    "imports"
    "key"
    "meta"
    "options"
  ];

  # Modules with all that they import, each once.
  collect =
    args: seen: modules:
    foldl'
      (
        state: given:
        let
          key = if isPathLike given then toString given else given.key or null;
          loaded = load args given;
          inner = collect args (state.seen ++ lib.optional (key != null) key) loaded.imports;
        in
        if key != null && builtins.elem key state.seen then
          state
        else
          {
            inherit (inner) seen;
            list = state.list ++ inner.list ++ [ loaded ];
          }
      )
      {
        inherit seen;
        list = [ ];
      }
      modules;

  load =
    args: given:
    let
      file = if isPathLike given then toString given else given._file or "<unknown-file>";
      content = if isPathLike given then import given else given;
      named = functionArgs content;
      called =
        if !isFunction content then
          content
        else if named == { } then
          content args
        else
          content (mapAttrs (name: _: args.${name} or (throw "module ${file} asks for ${name}")) named // args);
      structured = called ? config || called ? options || called ? imports && attrNames called == [ "imports" ];
      unknown = filter (name: !(builtins.elem name structure)) (attrNames called);
    in
    if !isAttrs called then
      throw "Module `${file}' is not a set."
    else if structured && unknown != [ ] then
      throw "Module `${file}' has an unsupported attribute `${builtins.head unknown}'."
    else
      {
        file = called._file or file;
        imports = called.imports or [ ];
        options = called.options or { };
        freeformType = called.freeformType or null;
        config =
          if structured then
            called.config or { }
          else
            removeAttrs called [ "_file" "key" "imports" "meta" "freeformType" "_class" ];
      };

  isOption = value: typeOf value == "option";

  # What a tree of options and the definitions for it come to: { config, options, unmatched }.
  mergeTree =
    prefix: declarations: definitions:
    let
      sets = concatMap (
        { file, value }:
        map (
          pushed:
          if isAttrs pushed then
            { inherit file; value = pushed; }
          else
            throw "The option `${dotted prefix}' in `${file}' is a set of options; it cannot be ${builtins.toJSON pushed}."
        ) (pushDown value)
      ) definitions;
      below = name: list: concatMap ({ file, value }: if value ? ${name} then [ { inherit file; value = value.${name}; } ] else [ ]) list;
      declared = foldl' (sum: { value, ... }: sum // value) { } declarations;
      merged = mapAttrs (
        name: _:
        let
          own = below name declarations;
          options = filter ({ value, ... }: isOption value) own;
          location = prefix ++ [ name ];
        in
        if options == [ ] then
          mergeTree location own (below name sets)
        else if builtins.length own > 1 then
          throw "The option `${dotted location}' in `${(builtins.elemAt own 1).file}' is already declared in `${(builtins.head own).file}'."
        else
          let
            option = evalOption location (builtins.head own) (below name sets);
          in
          {
            config = option.value;
            options = option;
            unmatched = [ ];
          }
      ) declared;
      strangers = filter (name: !(declared ? ${name})) (lib.unique (concatMap ({ value, ... }: attrNames value) sets));
    in
    {
      config = mapAttrs (_: part: part.config) merged;
      options = mapAttrs (_: part: part.options) merged;
      unmatched =
        concatMap (
          name:
          map (definition: definition // { path = prefix ++ [ name ]; }) (
            # One that no condition lets through is none.
            filter (definition: discharge [ definition ] != [ ]) (below name sets)
          )
        ) strangers
        ++ concatMap (part: part.unmatched) (builtins.attrValues merged);
    };

  evalOption =
    location:
    { file, value }:
    definitions:
    let
      type = value.type or lib.types.unspecified;
      given = discharge definitions;
      fallback = lib.optional (value ? default) {
        inherit file;
        value = lib.mkOptionDefault value.default;
      };
      used = discharge (definitions ++ fallback);
      wrong = filter (definition: !type.check definition.value) used;
      merged =
        if wrong != [ ] then
          throw "A definition for option `${dotted location}' is not of type `${type.description}'. Definition values: ${
            lib.concatMapStringsSep "; " (d: "in `${d.file}': ${show d.value}") wrong
          }"
        else if used == [ ] then
          type.empty or (throw "The option `${dotted location}' was accessed but has no value defined. Try setting the option.")
        else
          type.merge location used;
      final = value.apply or (v: v);
    in
    if (value.readOnly or false) && builtins.length used > 1 then
      throw "The option `${dotted location}' is read-only, but it's set multiple times."
    else
      value
      // {
        inherit type location;
        loc = location;
        isDefined = used != [ ];
        definitions = map (d: d.value) given;
        definitionsWithLocations = given;
        declarations = [ file ];
        value = final merged;
      };

  show =
    value:
    if builtins.isFunction value || isAttrs value && !(builtins.tryEval (builtins.toJSON value)).success then
      "a ${builtins.typeOf value}"
    else
      builtins.toJSON value;
in
{
  evalModules =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
    }:
    let
      args = {
        inherit lib;
        inherit (result) config options;
      } // moduleArgs // specialArgs;
      # pkgs comes this way; taken from the modules as they stand, since asking the result for it would ask it for itself.
      moduleArgs = foldl' (sum: m: if isAttrs m then sum // (m._module.args or { }) else sum) { } modules;
      all = (collect args [ ] (filter (m: !(isAttrs m && m ? _module)) modules)).list;
      free = filter (m: m.freeformType != null) all;
      tree = mergeTree prefix (map (m: { inherit (m) file; value = m.options; }) all) (
        map (m: { inherit (m) file; value = m.config; }) all
      );
      strangers = tree.unmatched;
      depth = builtins.length prefix;
      inner = path: builtins.genList (n: builtins.elemAt path (n + depth)) (builtins.length path - depth);
      freeform = (builtins.head free).freeformType.merge prefix (
        map ({ file, path, value }: { inherit file; value = setAttrByPath (inner path) value; }) strangers
      );
      result = {
        inherit (tree) options;
        config =
          if strangers == [ ] then
            tree.config
          else if free == [ ] then
            throw "The option `${dotted (builtins.head strangers).path}' does not exist. Definition values: in `${(builtins.head strangers).file}'"
          else
            recursiveUpdate freeform tree.config;
      };
    in
    result;
}
