// A TensorFlow session whose tensors live as long as it does. The Go binding
// frees tensors by finalizer only, so resident memory grows between two garbage
// collections; here every tensor has one owner and a known end.
#include <stddef.h>

typedef struct winnow_session winnow_session;

// winnow_tensor names one end of the graph and says what flows there.
typedef struct {
	char *operation;   // its only output is meant
	int type;          // TF_DataType
	int rank;
	long long dims[6];
	size_t bytes;
	void *data;        // filled in by winnow_session_new; 64-byte aligned for inputs
} winnow_tensor;

// winnow_session_new makes a session of a serialized GraphDef under a serialized
// ConfigProto. It does not keep the pointers. On failure it returns NULL and
// says why in msg.
winnow_session *winnow_session_new(const void *graph, size_t graph_len, const void *config, size_t config_len,
	winnow_tensor *in, int n_in, winnow_tensor *out, int n_out, char *msg, size_t msg_len);

// winnow_session_run computes every output from the inputs' present content. It
// returns 0, or 1 with the reason in msg; then the outputs keep their content.
int winnow_session_run(winnow_session *s, char *msg, size_t msg_len);

void winnow_session_free(winnow_session *s);
