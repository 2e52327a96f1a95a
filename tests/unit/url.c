/* Where a URL leads is read as libcurl reads it, so that no login goes to another host. */
#include "io/http_common.h"

#include <stdlib.h>

#include "base/str.h"
#include "tap.h"

static void origin(const char *url, const char *expected)
{
    autofree char *got = http_url_origin(url);
    if (!is_str(got, expected, "the origin"))
        printf("# of %s\n", url);
}

static void join(const char *location, const char *expected)
{
    autofree char *got = http_url_join("https://host:5000/v2/lab/blobs/uploads/1?a=b", location);
    if (!is_str(got, expected, "what the location means"))
        printf("# of %s\n", location);
}

int main(void)
{
    if (!ok(http_load() == 0, "libcurl is opened"))
        return tap_done();
    origin("https://host/path", "https://host:443");
    origin("HTTP://Host:80/", "http://host:80");
    origin("http://host", "http://host:80");
    origin("https://[::1]:5000/v2/", "https://[::1]:5000");
    origin("https://user:password@host:1/", "https://host:1");
    origin("https://registry@evil/", "https://evil:443");
    origin("https://registry:443@evil:1/", "https://evil:1");
    origin("https://evil#@registry/", "https://evil:443");
    origin("https://evil?@registry/", "https://evil:443");
    origin("https://evil/@registry/", "https://evil:443");
    origin("ftp://host/", NULL);
    origin("file:///etc/passwd", NULL);
    origin("/path", NULL);
    origin("https://host:99999/", NULL);
    origin("https://ho st/", NULL);
    origin("", NULL);
    join("/v2/x", "https://host:5000/v2/x");
    join("2?c=d%2F", "https://host:5000/v2/lab/blobs/uploads/2?c=d%2F");
    join("?c=d", "https://host:5000/v2/lab/blobs/uploads/1?c=d");
    join("//other/x", "https://other/x");
    join("http://other:1/x", "http://other:1/x");
    join("/a b", "https://host:5000/a%20b");
    autofree char *text = http_url_escape("a/b c&d=\xc3\xa4~");
    is_str(text, "a%2Fb%20c%26d%3D%C3%A4~", "a text in a query");
    return tap_done();
}
