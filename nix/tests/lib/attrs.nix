let
  inherit (builtins)
    attrNames
    concatMap
    elem
    elemAt
    filter
    foldl'
    hasAttr
    head
    isAttrs
    length
    listToAttrs
    mapAttrs
    tail
    ;
in
rec {
  inherit
    attrNames
    concatMap
    elem
    elemAt
    filter
    foldl'
    hasAttr
    head
    isAttrs
    length
    listToAttrs
    mapAttrs
    tail
    ;
  inherit (builtins)
    all
    any
    attrValues
    concatLists
    functionArgs
    genList
    isBool
    isFunction
    isInt
    isList
    isString
    match
    partition
    removeAttrs
    sort
    toJSON
    unsafeGetAttrPos
    ;
  id = value: value;
  take = count: list: builtins.genList (elemAt list) (if count < length list then count else length list);
  range = first: last: builtins.genList (n: first + n) (last - first + 1);
  last = list: elemAt list (length list - 1);
  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: list: if condition then list else [ ];
  optionalAttrs = condition: set: if condition then set else { };
  nameValuePair = name: value: { inherit name value; };
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  mapAttrs' = f: set: listToAttrs (mapAttrsToList f set);
  concatMapAttrs = f: set: mergeAttrsList (mapAttrsToList f set);
  mergeAttrsList = foldl' (a: b: a // b) { };
  filterAttrs =
    predicate: set:
    listToAttrs (
      map (name: nameValuePair name set.${name}) (filter (name: predicate name set.${name}) (attrNames set))
    );
  genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
  unique = foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
  toList = value: if builtins.isList value then value else [ value ];
  flatten = value: if builtins.isList value then concatMap flatten value else [ value ];
  imap0 = f: list: builtins.genList (n: f n (elemAt list n)) (length list);
  imap1 = f: list: builtins.genList (n: f (n + 1) (elemAt list n)) (length list);
  count = predicate: list: length (filter predicate list);
  findFirst =
    predicate: default: list:
    let
      found = filter predicate list;
    in
    if found == [ ] then default else head found;
  attrByPath =
    path: default: set:
    if path == [ ] then
      set
    else if isAttrs set && hasAttr (head path) set then
      attrByPath (tail path) default set.${head path}
    else
      default;
  hasAttrByPath = path: set: attrByPath path hasAttrByPath set != hasAttrByPath || path == [ ];
  getAttrFromPath = path: set: attrByPath path (throw "no ${builtins.concatStringsSep "." path}") set;
  setAttrByPath =
    path: value: if path == [ ] then value else { ${head path} = setAttrByPath (tail path) value; };
  recursiveUpdate =
    left: right:
    left
    // mapAttrs (
      name: value:
      if isAttrs value && isAttrs (left.${name} or null) && !(value ? outPath) then
        recursiveUpdate left.${name} value
      else
        value
    ) right;
  isDerivation = value: value.type or null == "derivation";
  groupBy = f: foldl' (sum: value: let key = f value; in sum // { ${key} = (sum.${key} or [ ]) ++ [ value ]; }) { };
  fix = f: let x = f x; in x;
}
