/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the values in xl's JSON and libvirt's XML, so that one can be changed and the rest stays.
 */
#include "config-text.h"

#include <stdarg.h>
#include <string.h>

#include <xen-physmap/record.h>

/* Far more levels than any configuration has. */
#define DEPTH_MAX 64

/* More values, and longer paths, than any configuration has. So many paths fit in memory. */
#define VALUES_MAX 16384
#define VALUE_PATH_MAX 1024

typedef struct Scan {
    ConfigText *config;
    gsize at;
    guint depth;
    GString *path;
} Scan;

static void value_free(gpointer data)
{
    ConfigValue *value = data;

    g_free(value->path);
    g_free(value->value);
    g_free(value->spelling);
    g_free(value);
}

static gboolean fail(const Scan *scan, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);

static gboolean fail(const Scan *scan, GError **error, const char *format, ...)
{
    g_autofree char *reason = NULL;
    va_list args;

    va_start(args, format);
    reason = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                "byte %" G_GSIZE_FORMAT " of the configuration: %s", scan->at, reason);
    return FALSE;
}

/* The byte `ahead` bytes further on; 0 at the end. No text contains a 0. */
static char peek(const Scan *scan, gsize ahead)
{
    return ahead < scan->config->length - scan->at ? scan->config->text[scan->at + ahead] : '\0';
}

static gboolean starts(const Scan *scan, const char *word)
{
    gsize length = strlen(word);

    return length <= scan->config->length - scan->at &&
           memcmp(scan->config->text + scan->at, word, length) == 0;
}

static void skip_space(Scan *scan)
{
    while (peek(scan, 0) && strchr(" \t\r\n", peek(scan, 0))) {
        scan->at++;
    }
}

static gboolean enter(Scan *scan, GError **error)
{
    return ++scan->depth <= DEPTH_MAX ||
           fail(scan, error, "there are more than %d levels", DEPTH_MAX);
}

/* Adds the value from `start` up to `end`. */
static gboolean add(Scan *scan, ConfigValueKind kind, gsize start, gsize end, char *value,
                    GError **error)
{
    ConfigValue *added = g_new0(ConfigValue, 1);

    added->kind = kind;
    added->path = g_strdup(scan->path->str);
    added->value = value;
    added->start = start;
    added->end = end;
    g_ptr_array_add(scan->config->values, added);
    if (scan->path->len > VALUE_PATH_MAX) {
        return fail(scan, error, "a path is longer than %d bytes", VALUE_PATH_MAX);
    }
    return scan->config->values->len <= VALUES_MAX ||
           fail(scan, error, "there are more than %d values", VALUES_MAX);
}

/* --- JSON --- */

static gboolean scan_json(Scan *scan, GError **error);

/* The number in the four digits of \uXXXX; -1 when they aren't hexadecimal digits. */
static int json_unit(const Scan *scan)
{
    int unit = 0;

    for (guint i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(peek(scan, i));

        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

/* What follows "\u", including the second escape of a surrogate pair. */
static gboolean json_character(Scan *scan, GString *value, GError **error)
{
    int unit = json_unit(scan), low;

    if (unit <= 0) {
        return fail(scan, error, "this \\u is not a character");
    }
    scan->at += 4;
    if ((unit & 0xf800) == 0xd800) {
        gboolean pair = (unit & 0x0400) == 0 && starts(scan, "\\u");

        scan->at += pair ? 2 : 0;
        low = pair ? json_unit(scan) : -1;
        if (low < 0 || (low & 0xfc00) != 0xdc00) {
            return fail(scan, error, "this \\u is half a character");
        }
        scan->at += 4;
        unit = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
    }
    g_string_append_unichar(value, unit);
    return TRUE;
}

static gboolean json_escape(Scan *scan, GString *value, GError **error)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char letter = peek(scan, 0);
    const char *found = letter ? strchr(letters, letter) : NULL;

    if (letter == 'u') {
        scan->at++;
        return json_character(scan, value, error);
    }
    if (!found) {
        return fail(scan, error, "there is no such escape");
    }
    scan->at++;
    g_string_append_c(value, meanings[found - letters]);
    return TRUE;
}

/* A string, from its opening to its closing quote. *value becomes its contents. */
static gboolean json_string(Scan *scan, char **value, GError **error)
{
    g_autoptr(GString) read = g_string_new(NULL);

    scan->at++;
    while (peek(scan, 0) != '"') {
        char c = peek(scan, 0);

        if ((guchar)c < ' ') {
            return fail(scan, error, "a string doesn't end");
        }
        scan->at++;
        if (c != '\\') {
            g_string_append_c(read, c);
        } else if (!json_escape(scan, read, error)) {
            return FALSE;
        }
    }
    scan->at++;
    *value = g_string_free(g_steal_pointer(&read), FALSE);
    return TRUE;
}

static gsize digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* The length of the number at the start of the text; 0 if there is none. */
static gsize number_length(const char *text)
{
    const char *at = text;
    gsize n;

    at += *at == '-';
    n = digits(at);
    if (n == 0 || (n > 1 && *at == '0')) {
        return 0;
    }
    at += n;
    if (*at == '.') {
        n = digits(at + 1);
        if (n == 0) {
            return 0;
        }
        at += 1 + n;
    }
    if (*at == 'e' || *at == 'E') {
        gsize sign = at[1] == '-' || at[1] == '+';

        n = digits(at + 1 + sign);
        if (n == 0) {
            return 0;
        }
        at += 1 + sign + n;
    }
    return at - text;
}

static gboolean json_scalar(Scan *scan, GError **error)
{
    static const char *const words[] = { "true", "false", "null" };
    const char *text = scan->config->text + scan->at;
    gsize start = scan->at, length = number_length(text);
    ConfigValueKind kind = CONFIG_VALUE_NUMBER;

    for (guint i = 0; length == 0 && i < G_N_ELEMENTS(words); i++) {
        if (starts(scan, words[i])) {
            length = strlen(words[i]);
            kind = CONFIG_VALUE_BOOLEAN;
        }
    }
    if (length == 0) {
        return fail(scan, error, "this is no JSON value");
    }
    scan->at += length;
    /* A null doesn't show what type of value could be there. */
    return *text == 'n' || add(scan, kind, start, scan->at, g_strndup(text, length), error);
}

/* Each path has to be of one value only, wherever a toolstack looks for it. */
static void check_json_name(Scan *scan, GHashTable *names, const char *name)
{
    if (strpbrk(name, "[]/@")) {
        scan->config->hidden = "a member has a bracket, a slash or @ in its name";
    }
    if (strchr(name, '.') && !g_str_has_prefix(name, "type.") &&
        !g_str_has_prefix(name, "connection.")) {
        scan->config->hidden = "a member has a dot in its name";
    }
    if (!*name || !g_hash_table_add(names, g_strdup(name))) {
        scan->config->hidden = "two members of an object have the same name, or one has none";
    }
}

/* A member of an object, or element `i` of an array, which has no `names`. */
static gboolean json_member(Scan *scan, GHashTable *names, guint i, GError **error)
{
    g_autofree char *name = NULL;

    if (!names) {
        g_string_append_printf(scan->path, "[%u]", i);
        return scan_json(scan, error);
    }
    if (peek(scan, 0) != '"') {
        return fail(scan, error, "a member has no name");
    }
    if (!json_string(scan, &name, error)) {
        return FALSE;
    }
    skip_space(scan);
    if (peek(scan, 0) != ':') {
        return fail(scan, error, "a colon is missing");
    }
    scan->at++;
    check_json_name(scan, names, name);
    g_string_append_printf(scan->path, "%s%s", scan->path->len > 0 ? "." : "", name);
    return scan_json(scan, error);
}

static gboolean json_container(Scan *scan, gboolean object, GError **error)
{
    const char end = object ? '}' : ']';
    gsize length = scan->path->len;
    g_autoptr(GHashTable) names =
        object ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) : NULL;

    if (!enter(scan, error)) {
        return FALSE;
    }
    scan->at++;
    skip_space(scan);
    for (guint i = 0; i > 0 || peek(scan, 0) != end; i++) {
        if (!json_member(scan, names, i, error)) {
            return FALSE;
        }
        g_string_truncate(scan->path, length);
        skip_space(scan);
        if (peek(scan, 0) == end) {
            break;
        }
        if (peek(scan, 0) != ',') {
            return fail(scan, error, "a comma or a closing bracket is missing");
        }
        scan->at++;
        skip_space(scan);
    }
    scan->at++;
    scan->depth--;
    return TRUE;
}

static gboolean scan_json(Scan *scan, GError **error)
{
    char *value = NULL;
    gsize start;

    skip_space(scan);
    start = scan->at;
    switch (peek(scan, 0)) {
    case '{':
        return json_container(scan, TRUE, error);
    case '[':
        return json_container(scan, FALSE, error);
    case '"':
        return json_string(scan, &value, error) &&
               add(scan, CONFIG_VALUE_STRING, start + 1, scan->at - 1, value, error);
    default:
        return json_scalar(scan, error);
    }
}

static gboolean scan_json_text(Scan *scan, GError **error)
{
    if (!scan_json(scan, error)) {
        return FALSE;
    }
    skip_space(scan);
    return scan->at == scan->config->length || fail(scan, error, "there is more after the end");
}

/* --- XML --- */

/* An element that isn't closed yet. */
typedef struct Element {
    char *name;
    gsize path;          /* the length of the path of its parent */
    gsize text;          /* where its contents begin */
    gboolean mixed;      /* it contains an element, a comment or the like */
    gboolean words;      /* it contains more than space */
    GHashTable *counted; /* how many elements of each name it contains */
} Element;

static void element_free(gpointer data)
{
    Element *element = data;

    g_free(element->name);
    g_hash_table_unref(element->counted);
    g_free(element);
}

/* The bytes up to the first of `stops`. NULL when none of them follows. */
static char *take_until(Scan *scan, const char *stops)
{
    const char *text = scan->config->text + scan->at;
    gsize length = strcspn(text, stops);

    if (text[length] == '\0') {
        return NULL;
    }
    scan->at += length;
    return g_strndup(text, length);
}

/* Skips up to and including `end`. */
static gboolean skip_past(Scan *scan, const char *end, GError **error)
{
    const char *found = strstr(scan->config->text + scan->at, end);

    if (!found) {
        return fail(scan, error, "its %s is missing", end);
    }
    scan->at = found + strlen(end) - scan->config->text;
    return TRUE;
}

/* The text with its entities replaced. NULL when one isn't known. */
static char *xml_decode(const char *text, gsize length)
{
    static const struct {
        const char *entity;
        char meaning;
    } entities[] = {
        { "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' }, { "&quot;", '"' }, { "&apos;", '\'' },
    };
    g_autoptr(GString) value = g_string_new(NULL);
    gsize at = 0;

    while (at < length) {
        guint i = 0;

        if (text[at] != '&') {
            g_string_append_c(value, text[at++]);
            continue;
        }
        while (i < G_N_ELEMENTS(entities) &&
               strncmp(text + at, entities[i].entity, strlen(entities[i].entity)) != 0) {
            i++;
        }
        if (i == G_N_ELEMENTS(entities)) {
            return NULL;
        }
        g_string_append_c(value, entities[i].meaning);
        at += strlen(entities[i].entity);
    }
    return g_string_free(g_steal_pointer(&value), FALSE);
}

/*
 * A value with an unknown entity, such as &#65;, can't be changed, and can't be found by its
 * contents.
 */
static gboolean add_xml(Scan *scan, ConfigValueKind kind, gsize start, gsize end, GError **error)
{
    char *value = xml_decode(scan->config->text + start, end - start);

    if (!value) {
        scan->config->hidden = "a value has an entity such as &#65;";
    }
    return !value || add(scan, kind, start, end, value, error);
}

/* A program may look only at what follows the prefix, or know the namespace by another prefix. */
static void check_xml_name(Scan *scan, const char *name)
{
    static const char *const prefixes[] = { "xen:", "qemu:", "xml:", "xmlns:" };
    gboolean known = !strchr(name, ':') && strcmp(name, "xmlns") != 0;

    for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        known = known || g_str_has_prefix(name, prefixes[i]);
    }
    if (!known && !g_str_has_prefix(scan->path->str, "domain[1]/metadata[")) {
        scan->config->hidden = "a name outside <metadata> has another namespace than xen or qemu";
    }
}

static gboolean xml_attribute(Scan *scan, GError **error)
{
    g_autofree char *name = take_until(scan, "= \t\r\n/>\"'<");
    gsize length = scan->path->len, start;
    char quote;
    const char *end;

    if (!name || !*name) {
        return fail(scan, error, "this is not an attribute");
    }
    skip_space(scan);
    if (peek(scan, 0) != '=') {
        return fail(scan, error, "an attribute has no value");
    }
    scan->at++;
    skip_space(scan);
    quote = peek(scan, 0);
    start = scan->at + 1;
    end = quote == '"' || quote == '\'' ? strchr(scan->config->text + start, quote) : NULL;
    if (!end) {
        return fail(scan, error, "the value of an attribute isn't between quotes");
    }
    scan->at = end + 1 - scan->config->text;
    check_xml_name(scan, name);
    g_string_append_printf(scan->path, "/@%s", name);
    if (!add_xml(scan, CONFIG_VALUE_ATTRIBUTE, start, scan->at - 1, error)) {
        return FALSE;
    }
    g_string_truncate(scan->path, length);
    return TRUE;
}

static Element *last(const GPtrArray *open)
{
    return open->len > 0 ? open->pdata[open->len - 1] : NULL;
}

static void close_element(Scan *scan, GPtrArray *open)
{
    g_string_truncate(scan->path, last(open)->path);
    g_ptr_array_set_size(open, open->len - 1);
    scan->depth--;
}

/*
 * The number of elements with this name in the innermost open one, including the one that begins.
 */
static guint count(Element *parent, const char *name)
{
    guint n;

    if (!parent) {
        return 1;
    }
    parent->mixed = TRUE;
    n = GPOINTER_TO_UINT(g_hash_table_lookup(parent->counted, name)) + 1;
    g_hash_table_insert(parent->counted, g_strdup(name), GUINT_TO_POINTER(n));
    return n;
}

static gboolean xml_open(Scan *scan, GPtrArray *open, GError **error)
{
    Element *element = g_new0(Element, 1);
    guint n;

    scan->at++;
    element->name = take_until(scan, " \t\r\n/>\"'<=");
    element->counted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    element->path = scan->path->len;
    n = element->name && *element->name ? count(last(open), element->name) : 0;
    g_ptr_array_add(open, element);
    if (n == 0) {
        return fail(scan, error, "an element has no name");
    }
    if (!enter(scan, error)) {
        return FALSE;
    }
    check_xml_name(scan, element->name);
    g_string_append_printf(scan->path, "%s%s[%u]", scan->path->len > 0 ? "/" : "", element->name,
                           n);
    for (skip_space(scan); peek(scan, 0) != '>' && !starts(scan, "/>"); skip_space(scan)) {
        if (!xml_attribute(scan, error)) {
            return FALSE;
        }
    }
    if (peek(scan, 0) == '/') {
        scan->at += 2;
        if (!add_xml(scan, CONFIG_VALUE_EMPTY, scan->at, scan->at, error)) {
            return FALSE;
        }
        close_element(scan, open);
        return TRUE;
    }
    element->text = ++scan->at;
    return TRUE;
}

static gboolean xml_close(Scan *scan, GPtrArray *open, GError **error)
{
    Element *element = last(open);
    gsize end = scan->at;
    g_autofree char *name = NULL;

    scan->at += 2;
    name = take_until(scan, " \t\r\n>");
    skip_space(scan);
    if (!element || g_strcmp0(name, element->name) != 0 || peek(scan, 0) != '>') {
        return fail(scan, error, "this closes no element");
    }
    scan->at++;
    if (element->mixed && element->words) {
        scan->config->hidden = "an element has a text and something else";
    }
    if (!element->mixed && !add_xml(scan, CONFIG_VALUE_TEXT, element->text, end, error)) {
        return FALSE;
    }
    close_element(scan, open);
    return TRUE;
}

static gboolean xml_markup(Scan *scan, GPtrArray *open, GError **error)
{
    static const struct {
        const char *start, *end;
    } others[] = { { "<!--", "-->" }, { "<?", "?>" }, { "<![CDATA[", "]]>" } };

    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        if (starts(scan, others[i].start)) {
            if (last(open)) {
                last(open)->mixed = TRUE;
            }
            if (strcmp(others[i].end, "]]>") == 0) {
                scan->config->hidden = "it has a CDATA section";
            }
            scan->at += strlen(others[i].start);
            return skip_past(scan, others[i].end, error);
        }
    }
    if (starts(scan, "<!")) {
        return fail(scan, error, "a document type isn't read");
    }
    return starts(scan, "</") ? xml_close(scan, open, error) : xml_open(scan, open, error);
}

static gboolean scan_xml_text(Scan *scan, GError **error)
{
    g_autoptr(GPtrArray) open = g_ptr_array_new_with_free_func(element_free);

    while (scan->at < scan->config->length) {
        g_autofree char *text = take_until(scan, "<");

        if (!text) {
            break;
        }
        if (last(open) && text[strspn(text, " \t\r\n")]) {
            last(open)->words = TRUE;
        }
        if (!xml_markup(scan, open, error)) {
            return FALSE;
        }
    }
    return open->len == 0 || fail(scan, error, "an element isn't closed");
}

/* --- both --- */

static void index_paths(ConfigText *config)
{
    config->paths = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < config->values->len; i++) {
        ConfigValue *value = config->values->pdata[i];

        if (!config_text_find(config, value->path)) {
            g_hash_table_insert(config->paths, value->path, value);
        } else if (!config->hidden) {
            config->hidden = "two values have the same path";
        }
    }
}

ConfigText *config_text_parse(gboolean xml, const char *text, gsize length, GError **error)
{
    g_autoptr(ConfigText) config = g_new0(ConfigText, 1);
    g_autoptr(GString) path = g_string_new(NULL);
    Scan scan = { .config = config, .path = path };

    config->xml = xml;
    config->text = g_strndup(text, length);
    config->length = length;
    config->values = g_ptr_array_new_with_free_func(value_free);
    if (!g_utf8_validate_len(text, length, NULL)) {
        g_set_error_literal(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                            "the configuration is not UTF-8, or has a NUL");
        return NULL;
    }
    if (!(xml ? scan_xml_text : scan_json_text)(&scan, error)) {
        return NULL;
    }
    index_paths(config);
    return g_steal_pointer(&config);
}

void config_text_free(ConfigText *config)
{
    if (config) {
        g_free(config->text);
        g_clear_pointer(&config->paths, g_hash_table_unref);
        g_ptr_array_unref(config->values);
        g_free(config);
    }
}

ConfigValue *config_text_find(const ConfigText *config, const char *path)
{
    return g_hash_table_lookup(config->paths, path);
}

/* The length of the index, such as "[12]", at the start of the text; 0 if there is none. */
static gsize index_length(const char *text)
{
    gsize n = *text == '[' ? digits(text + 1) : 0;

    return n > 0 && text[n + 1] == ']' ? n + 2 : 0;
}

gboolean config_value_is_at(const ConfigValue *value, const char *path)
{
    const char *at = value->path;

    while (*at || *path) {
        gsize skipped = *path == '[' ? 0 : index_length(at);

        if (skipped > 0) {
            at += skipped;
        } else if (*at != *path) {
            return FALSE;
        } else {
            at++;
            path++;
        }
    }
    return TRUE;
}

static gboolean is_of_kind(ConfigValueKind kind, const char *text)
{
    switch (kind) {
    case CONFIG_VALUE_NUMBER:
        return *text && number_length(text) == strlen(text);
    case CONFIG_VALUE_BOOLEAN:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    default:
        return kind != CONFIG_VALUE_EMPTY;
    }
}

static char *spell(ConfigValueKind kind, const char *text)
{
    g_autoptr(GString) spelling = NULL;

    if (kind == CONFIG_VALUE_TEXT || kind == CONFIG_VALUE_ATTRIBUTE) {
        return g_markup_escape_text(text, -1);
    }
    spelling = g_string_new(NULL);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            g_string_append_c(spelling, '\\');
        }
        g_string_append_c(spelling, *text);
    }
    return g_string_free(g_steal_pointer(&spelling), FALSE);
}

gboolean config_value_set(ConfigValue *value, const char *text, GError **error)
{
    static const char *const kinds[] = {
        [CONFIG_VALUE_NUMBER] = "a number",
        [CONFIG_VALUE_BOOLEAN] = "true or false",
        [CONFIG_VALUE_STRING] = "a string",
        [CONFIG_VALUE_TEXT] = "a text",
        [CONFIG_VALUE_ATTRIBUTE] = "an attribute",
        [CONFIG_VALUE_EMPTY] = "an element without a text",
    };
    gboolean plain = g_utf8_validate(text, -1, NULL);

    for (const char *at = text; plain && *at; at++) {
        plain = (guchar)*at >= ' ' && *at != 0x7f;
    }
    if (!plain || !is_of_kind(value->kind, text)) {
        g_autofree char *shown = xen_physmap_escape(text, -1);
        g_autofree char *path = xen_physmap_escape(value->path, -1);

        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID, "'%s' %s: %s is %s", shown,
                    plain ? "has another type" : "has control characters, or is not UTF-8", path,
                    kinds[value->kind]);
        return FALSE;
    }
    g_free(value->spelling);
    g_free(value->value);
    value->value = g_strdup(text);
    value->spelling = spell(value->kind, text);
    return TRUE;
}

GString *config_text_result(const ConfigText *config)
{
    GString *result = g_string_new(NULL);
    gsize at = 0;

    for (guint i = 0; i < config->values->len; i++) {
        const ConfigValue *value = config->values->pdata[i];

        if (value->spelling) {
            g_string_append_len(result, config->text + at, value->start - at);
            g_string_append(result, value->spelling);
            at = value->end;
        }
    }
    return g_string_append_len(result, config->text + at, config->length - at);
}
