/* base/json.c: any bytes parse or give an error, and the typed readers walk what parsed. */
#include <stdint.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct json_at *at, int depth)
{
	static const char *const keys[] = {"a", "b", "c", "", "n"};
	free(json_path(at));
	if (json_kind_of(at) == JSON_ARRAY && depth < 8)
		for (size_t i = 0; i < json_arr_len(at); i++) {
			struct json_at item = json_arr_at(at, i);
			walk(&item, depth + 1);
		}
	if (json_kind_of(at) != JSON_OBJECT)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_free_ char *s = NULL;
		_cleanup_strv_ struct strv list = {0};
		bool flag;
		int64_t i64;
		uint64_t u64;
		uint32_t u32;
		double real;
		err_free(json_get_str(at, keys[i], &s));
		err_free(json_get_bool(at, keys[i], &flag));
		err_free(json_get_i64(at, keys[i], &i64));
		err_free(json_get_u64(at, keys[i], &u64));
		err_free(json_get_u32(at, keys[i], &u32));
		err_free(json_get_double(at, keys[i], &real));
		err_free(json_get_strv(at, keys[i], &list));
		struct json_at member = {0};
		nd_err *e = json_get_obj(at, keys[i], &member);
		if (!e && member.v && depth < 8)
			walk(&member, depth + 1);
		err_free(e);
		struct json_at array = {0};
		e = json_get_arr(at, keys[i], &array);
		if (!e && array.v && depth < 8)
			walk(&array, depth + 1);
		err_free(e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ struct json_doc doc = {0};
	nd_err *e = json_parse("input", (const char *)data, size, &doc);
	if (!e)
		walk(&doc.at, 0);
	err_free(e);
	return 0;
}
