/* Tests of store/ref.c and store/name.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "store/name.h"
#include "store/ref.h"

static void check(const char *text, enum ref_kind kind, const char *path, const char *tag)
{
	struct root_ref r = {0};
	assert_null(ref_parse(text, &r));
	assert_int_equal(r.kind, kind);
	assert_true(str_eq(r.path, path));
	assert_true(str_eq(r.tag, tag));
	assert_string_equal(r.text, text);
	ref_done(&r);
}

static void refused(const char *text)
{
	struct root_ref r = {0};
	nd_err *e = ref_parse(text, &r);
	assert_non_null(e);
	assert_int_equal(e->kind, ND_INVALID);
	assert_non_null(err_find_remedy(e));
	assert_null(r.text);
	err_free(e);
}

static void kinds(void **state)
{
	check("/", REF_PLACE, NULL, NULL);
	check("//", REF_PLACE, NULL, NULL);
	check("/etc", REF_DIR, "/etc", NULL);
	check(".", REF_DIR, ".", NULL);
	check("oci:/no/such:v1", REF_OCI, "/no/such", "v1");
	check("oci:x", REF_OCI, "x", NULL);
	check("oci:x:docker.io/a/b:1", REF_OCI, "x", "docker.io/a/b:1");
	check("docker-archive:x.tar", REF_DOCKER_ARCHIVE, "x.tar", NULL);
	check("docker-archive:x.tar:a/b:2", REF_DOCKER_ARCHIVE, "x.tar", "a/b:2");
	check("debian:12", REF_IMAGE, NULL, "debian:12");
}

static void wrong(void **state)
{
	refused("");
	refused("oci:");
	refused("oci:x:");
	refused("oci::x");
	refused("docker-archive:");
	refused("/no/such/directory");
	refused("./no-such-directory");
	refused("/etc/passwd");
	refused("a b");
	refused("--");
}

static void colons(void **state)
{
	char dir[] = "/tmp/nidus-test-ref.XXXXXX";
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("a:b", 0700), 0);
	close(open("c:d.tar", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	check("oci:a:b", REF_OCI, "a:b", NULL);
	check("oci:a:b:tag", REF_OCI, "a:b", "tag");
	check("oci:a:x", REF_OCI, "a", "x");
	check("docker-archive:c:d.tar:n:1", REF_DOCKER_ARCHIVE, "c:d.tar", "n:1");
	check("a:b", REF_DIR, "a:b", NULL);
	refused("./c:d.tar");
	assert_int_equal(rmdir("a:b"), 0);
	assert_int_equal(unlink("c:d.tar"), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void names(void **state)
{
	assert_true(name_matches("docker.io/library/debian:12", "debian:12"));
	assert_true(name_matches("localhost/x:latest", "x"));
	assert_true(name_matches("x:latest", "x"));
	assert_false(name_matches("x:1", "x"));
	assert_false(name_matches("quay.io/debian:12", "debian:12"));
	assert_true(name_matches("host:5000/a:latest", "host:5000/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(wrong),
		cmocka_unit_test(colons),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
