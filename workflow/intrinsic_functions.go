package workflow

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode/utf8"
)

// intrinsic is one of the 18 functions of the specification's appendix B.
type intrinsic struct {
	least, most int  // number of arguments; most < 0 is any number
	template    bool // the first argument is a template with {}
	apply       func(args []Value, env *Env) (Value, error)
}

func (f intrinsic) arity() string {
	switch {
	case f.most < 0:
		return fmt.Sprintf("%d or more arguments", f.least)
	case f.least == f.most:
		return fmt.Sprintf("%d arguments", f.least)
	}
	return fmt.Sprintf("%d to %d arguments", f.least, f.most)
}

func intrinsicNamed(name string) (intrinsic, bool) {
	switch name {
	case "States.Format":
		return intrinsic{1, -1, true, format}, true
	case "States.StringToJson":
		return intrinsic{1, 1, false, stringToJSON}, true
	case "States.JsonToString":
		return intrinsic{1, 1, false, func(a []Value, _ *Env) (Value, error) { return Text(a[0]), nil }}, true
	case "States.Array":
		return intrinsic{0, -1, false, func(a []Value, _ *Env) (Value, error) { return a, nil }}, true
	case "States.ArrayPartition":
		return intrinsic{2, 2, false, arrayPartition}, true
	case "States.ArrayContains":
		return intrinsic{2, 2, false, arrayContains}, true
	case "States.ArrayRange":
		return intrinsic{3, 3, false, arrayRange}, true
	case "States.ArrayGetItem":
		return intrinsic{2, 2, false, arrayGetItem}, true
	case "States.ArrayLength":
		return intrinsic{1, 1, false, arrayLength}, true
	case "States.ArrayUnique":
		return intrinsic{1, 1, false, arrayUnique}, true
	case "States.Base64Encode":
		return intrinsic{1, 1, false, base64Encode}, true
	case "States.Base64Decode":
		return intrinsic{1, 1, false, base64Decode}, true
	case "States.Hash":
		return intrinsic{2, 2, false, hash}, true
	case "States.JsonMerge":
		return intrinsic{3, 3, false, jsonMerge}, true
	case "States.MathRandom":
		return intrinsic{2, 3, false, mathRandom}, true
	case "States.MathAdd":
		return intrinsic{2, 2, false, mathAdd}, true
	case "States.StringSplit":
		return intrinsic{2, 2, false, stringSplit}, true
	case "States.UUID":
		return intrinsic{0, 0, false, func(_ []Value, env *Env) (Value, error) { return env.UUID(), nil }}, true
	}
	return intrinsic{}, false
}

// format puts the arguments where the template has {}; \{ and \} are braces.
func format(args []Value, _ *Env) (Value, error) {
	var text string
	switch first := args[0].(type) {
	case template:
		text = string(first)
	case string:
		text = first
	default:
		return nil, errors.New("the template must be a string")
	}
	var b strings.Builder
	rest := args[1:]
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && strings.ContainsRune(`{}\`, rune(text[i+1])):
			i++
			b.WriteByte(text[i])
		case strings.HasPrefix(text[i:], "{}"):
			if len(rest) == 0 {
				return nil, errors.New("there are fewer arguments than occurrences of {}")
			}
			b.WriteString(formatted(rest[0], 0))
			rest = rest[1:]
			i++
		default:
			b.WriteByte(text[i])
		}
		if b.Len() > maxPayload*2 {
			return nil, errors.New("the text is too long")
		}
	}
	if len(rest) > 0 {
		return nil, errors.New("there are more arguments than occurrences of {}")
	}
	return b.String(), nil
}

// formatted is a value in a text: what Java prints for it, {Id=1, Name=x} and [1, 2].
func formatted(v Value, depth int) string {
	switch v := v.(type) {
	case string:
		return v
	case Array:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = formatted(item, depth+1)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *Object:
		parts := make([]string, v.Len())
		for i := range parts {
			name, member := v.At(i)
			parts[i] = name + "=" + formatted(member, depth+1)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return Text(v)
}

// stringToJSON parses a text. An empty one is null, as it is for the service's parser.
func stringToJSON(args []Value, _ *Env) (Value, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, errors.New("the argument must be a string")
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	v, err := ParseValue([]byte(s))
	if err != nil {
		return nil, fmt.Errorf("the string is not JSON: %w", err)
	}
	return v, nil
}

func arrayPartition(args []Value, _ *Env) (Value, error) {
	list, ok := args[0].(Array)
	if !ok {
		return nil, errors.New("the first argument must be an array")
	}
	size, err := whole(args[1])
	if err != nil || size < 1 {
		return nil, errors.New("the chunk size must be a positive number")
	}
	chunks := Array{}
	for len(list) > 0 {
		n := min(int64(len(list)), size)
		chunks = append(chunks, list[:n:n])
		list = list[n:]
	}
	return chunks, nil
}

func arrayContains(args []Value, _ *Env) (Value, error) {
	list, ok := args[0].(Array)
	if !ok {
		return nil, errors.New("the first argument must be an array")
	}
	return contains(list, args[1]), nil
}

// arrayRange counts from the first to the second argument, both included, at most 1000 numbers.
func arrayRange(args []Value, _ *Env) (Value, error) {
	var n [3]int64
	for i := range n {
		var err error
		if n[i], err = whole(args[i]); err != nil {
			return nil, err
		}
	}
	first, last, by := n[0], n[1], n[2]
	if by == 0 {
		return nil, errors.New("the increment must not be zero")
	}
	const most = 1000
	list := Array{}
	for i := first; by > 0 && i <= last || by < 0 && i >= last; i += by {
		if len(list) == most {
			return nil, fmt.Errorf("the range has more than %d numbers", most)
		}
		list = append(list, Int(i))
	}
	return list, nil
}

func arrayGetItem(args []Value, _ *Env) (Value, error) {
	list, ok := args[0].(Array)
	if !ok {
		return nil, errors.New("the first argument must be an array")
	}
	i, err := whole(args[1])
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= int64(len(list)) {
		return nil, fmt.Errorf("the index %d is not in an array of %d", i, len(list))
	}
	return list[i], nil
}

func arrayLength(args []Value, _ *Env) (Value, error) {
	list, ok := args[0].(Array)
	if !ok {
		return nil, errors.New("the argument must be an array")
	}
	return Int(int64(len(list))), nil
}

// arrayUnique keeps the first of equal values.
func arrayUnique(args []Value, _ *Env) (Value, error) {
	list, ok := args[0].(Array)
	if !ok {
		return nil, errors.New("the argument must be an array")
	}
	unique, seen := Array{}, make(map[string]bool, len(list))
	for _, v := range list {
		key := canonicalText(v)
		if !seen[key] {
			seen[key] = true
			unique = append(unique, v)
		}
	}
	return unique, nil
}

// maxEncoded is the longest text that the encoding and hashing functions take.
const maxEncoded = 10_000

func shortText(v Value) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", errors.New("the argument must be a string")
	}
	if utf8.RuneCountInString(s) > maxEncoded {
		return "", fmt.Errorf("the string is longer than %d characters", maxEncoded)
	}
	return s, nil
}

func base64Encode(args []Value, _ *Env) (Value, error) {
	s, err := shortText(args[0])
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), nil
}

func base64Decode(args []Value, _ *Env) (Value, error) {
	s, err := shortText(args[0])
	if err != nil {
		return nil, err
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return nil, fmt.Errorf("the string is not Base64: %w", err)
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD"), nil
}

// hash hashes a string, or the JSON text of another value.
func hash(args []Value, _ *Env) (Value, error) {
	data, ok := args[0].(string)
	if !ok {
		data = Text(args[0])
	}
	if _, err := shortText(data); err != nil {
		return nil, err
	}
	raw := []byte(data)
	switch args[1] {
	case "MD5":
		sum := md5.Sum(raw)
		return hex.EncodeToString(sum[:]), nil
	case "SHA-1":
		sum := sha1.Sum(raw)
		return hex.EncodeToString(sum[:]), nil
	case "SHA-256":
		sum := sha256.Sum256(raw)
		return hex.EncodeToString(sum[:]), nil
	case "SHA-384":
		sum := sha512.Sum384(raw)
		return hex.EncodeToString(sum[:]), nil
	case "SHA-512":
		sum := sha512.Sum512(raw)
		return hex.EncodeToString(sum[:]), nil
	}
	return nil, errors.New("the algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512")
}

// jsonMerge merges members of the first level: deep merging is refused, as the service does.
func jsonMerge(args []Value, _ *Env) (Value, error) {
	first, ok := args[0].(*Object)
	second, also := args[1].(*Object)
	if !ok || !also {
		return nil, errors.New("the first two arguments must be objects")
	}
	if args[2] != false {
		return nil, errors.New("deep merging is not supported: the third argument must be false")
	}
	merged := &Object{}
	for _, o := range []*Object{first, second} {
		for i := range o.Len() {
			merged.put(o.At(i))
		}
	}
	return merged, nil
}

// mathRandom draws from [start, end); the same seed draws the same number.
func mathRandom(args []Value, env *Env) (Value, error) {
	start, err := whole(args[0])
	if err != nil {
		return nil, err
	}
	end, err := whole(args[1])
	if err != nil {
		return nil, err
	}
	if end <= start {
		return nil, errors.New("the start of the range must be less than its end")
	}
	draw := env.Random
	if len(args) == 3 {
		seed, err := whole(args[2])
		if err != nil {
			return nil, err
		}
		draw = rand.New(rand.NewPCG(uint64(seed), 0)).Float64
	}
	return Int(start + int64(draw()*(float64(end)-float64(start)))), nil
}

// mathAdd adds whole numbers; each argument is rounded first.
func mathAdd(args []Value, _ *Env) (Value, error) {
	a, err := whole(args[0])
	if err != nil {
		return nil, err
	}
	b, err := whole(args[1])
	if err != nil {
		return nil, err
	}
	return Int(a + b), nil
}

// stringSplit splits at each of the characters of the second argument and keeps no empty part.
func stringSplit(args []Value, _ *Env) (Value, error) {
	s, ok := args[0].(string)
	by, also := args[1].(string)
	if !ok || !also {
		return nil, errors.New("both arguments must be strings")
	}
	parts := Array{}
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(by, r) }) {
		parts = append(parts, part)
	}
	return parts, nil
}

// whole is a number rounded as Java's Math.round does: half up, towards positive infinity.
func whole(v Value) (int64, error) {
	n, ok := v.(Number)
	if !ok {
		return 0, fmt.Errorf("%s is not a number", shorten(Text(v)))
	}
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil || math.Abs(f) >= 1<<63 {
		return 0, fmt.Errorf("%s is out of range", shorten(string(n)))
	}
	return int64(math.Floor(f + 0.5)), nil
}
